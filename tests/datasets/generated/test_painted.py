"""Painted masks: what a person sees counts, whatever a program has made of the palette."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from partbench.datasets.dataset import IGNORE, DatasetError
from partbench.datasets.generated.found import NAMED

PALETTE = [(38, 38, 44), (240, 240, 240), (213, 62, 79), (244, 165, 60)]
TRUTH = np.zeros((64, 64), np.uint8)
TRUTH[10:30, 10:30], TRUTH[40:60, 40:60], TRUTH[:4] = 2, 3, IGNORE
"""An eye, a tail and what is not to be scored; no ear."""


def painted(folder: Path, stem: str = "p0") -> Path:
    return folder / "painted" / f"{stem}.png"


def kept(folder: Path) -> Image.Image:
    """The truth in the exported palette."""
    with Image.open(painted(folder)) as blank:
        image = Image.fromarray(TRUTH, "P")
        image.putpalette(blank.getpalette() or [])
    return image


def compacted(image: Image.Image, order: tuple[int, ...] = (0, 2, 3, IGNORE)) -> Image.Image:
    """The same with unused colours removed and the others in some order, as when a program converts to indexed."""
    palette = np.array(image.getpalette()).reshape(-1, 3)
    numbers = np.zeros(256, np.uint8)
    numbers[list(order)] = np.arange(len(order))
    other = Image.fromarray(numbers[np.asarray(image)], "P")
    other.putpalette(palette[list(order)].astype(np.uint8).tobytes())
    return other


PROGRAMS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "keeps the palette": lambda image: image,
    "removes unused colours": compacted,
    "sorts colours": lambda image: compacted(image, (IGNORE, 3, 2, 0)),
    "saves true colours": lambda image: image.convert("RGB"),
    "saves true colours and alpha": lambda image: image.convert("RGBA"),
    "drops the palette": lambda image: Image.fromarray(np.asarray(image), "L"),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_mask_is_what_it_looks_like(export: Any, take: Any, program: str) -> None:
    """In every file that shows the same colours, and where there is no colour, by its values."""
    folder = export("png")
    PROGRAMS[program](kept(folder)).save(painted(folder))
    found = take(folder)
    assert (found.masks["p0"] == TRUTH).all()
    assert found.warnings == ["1 of 2 images have no annotation and stay out: p1", f"{NAMED}: 1 (p0.png)"]


def test_a_blank_mask_is_none_whatever_its_palette(export: Any, take: Any) -> None:
    """As true colours, too."""
    folder = export("png")
    kept(folder).save(painted(folder))
    Image.new("RGB", (64, 64), PALETTE[0]).save(painted(folder, "p1"))
    assert list(take(folder).masks) == ["p0"]


def blurred(image: Image.Image) -> Image.Image:
    return image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR).resize((64, 64), Image.Resampling.BILINEAR)


def recoloured(image: Image.Image) -> Image.Image:
    """One colour a shade off."""
    image.putpalette([*PALETTE[0], *PALETTE[1], 213, 62, 80, *PALETTE[3]] + [0] * 756)
    return image


def see_through(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.putalpha(Image.fromarray(np.where(TRUTH == 2, 0, 255).astype(np.uint8)))
    return image


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            blurred,
            r"p0.png has not the exported palette, and its colours \(.*\) and .* more are not each one class; pai",
        ),
        (recoloured, r"its colours \(0, 0, 0\), \(213, 62, 80\) are not each one class"),
        (see_through, r"p0.png is transparent \(10% of it\), and nothing is no class; save it without transparency"),
        (
            lambda image: image.resize((32, 32), 0),
            "p0.png is of 32x32 pixels and .*p0.png has 64x64; annotate the expo",
        ),
        (lambda image: image.convert("RGB").convert("L"), "p0.png holds 39, 109, 177, which is no class"),
    ],
)
def test_what_looks_like_no_class_is_refused(
    export: Any, take: Any, program: Callable[[Image.Image], Image.Image], message: str
) -> None:
    """Smoothed edges, colours that are a little off, transparency, another size, shades of grey."""
    folder = export("png")
    program(kept(folder)).save(painted(folder))
    with pytest.raises(DatasetError, match=message):
        take(folder)


def test_an_index_that_is_transparent_is_refused(export: Any, take: Any) -> None:
    """By the transparency of an index PNG."""
    folder = export("png")
    kept(folder).save(painted(folder), transparency=3)
    with pytest.raises(DatasetError, match=r"p0.png is transparent"):
        take(folder)


def test_two_files_of_one_image_are_refused(export: Any, take: Any) -> None:
    """An ending in capitals is one, and so is a name with what Label Studio puts before it."""
    folder = export("png")
    for name in ("0123abcd-p0.png", "p0.PNG"):
        kept(folder).save(folder / "painted" / name, "PNG")
        with pytest.raises(DatasetError, match=f"{name} and .*p0.png are both of p0.png|p0.png and .*{name} are both"):
            take(folder)
        (folder / "painted" / name).unlink()


def test_a_mask_without_any_class_is_said(export: Any, take: Any) -> None:
    """Black and white, 0 and 255: nothing is left to learn from, and how much of it is left out is said."""
    folder = export("png")
    Image.fromarray(np.where(TRUTH == 2, IGNORE, 0).astype(np.uint8)).save(painted(folder))
    assert take(folder).warnings[2] == "masks with nothing on them but what is not to be scored: 1 (p0.png, 10% of it)"


def test_classes_of_one_colour_need_the_whole_palette(export: Any, take: Any) -> None:
    """With more classes than colours a renumbered palette does not say which is meant."""
    folder = export("png")
    kept(folder).save(painted(folder))
    colours = [PALETTE[0], PALETTE[2], PALETTE[2], PALETTE[3]]
    with pytest.raises(DatasetError, match=r"its colours \(213, 62, 79\) are not each one class"):
        take(folder, colours=colours)
    image = kept(folder)
    image.putpalette(np.array([*colours, *[(0, 0, 0)] * 251, (255, 255, 255)], np.uint8).tobytes())
    image.save(painted(folder))
    assert (take(folder, colours=colours).masks["p0"] == TRUTH).all()
