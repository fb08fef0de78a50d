"""From a picture to its mask: sides, sizes, overlays and colours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from partbench.benchmark.pictures import PALETTE
from partbench.benchmark.segment.inference import overlay, read_mask, reading_size, segment, segment_squares, write_mask
from partbench.benchmark.segment.model import Segmenter
from partbench.benchmark.segment.network import UNet
from partbench.datasets.files.fit import square

CLASSES = ("background", "red", "blue")


SIDE = 32


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    """One whose network is known: what is red is red, what is blue is blue, and all else is background."""

    class Colours(UNet):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            red, green, blue = images.split(1, 1)
            return torch.cat([torch.full_like(red, 0.5) + 0 * green, red - blue, blue - red], 1)

    return Segmenter(Colours(3, 2).eval(), CLASSES, SIDE)


def picture(width: int, height: int) -> Image.Image:
    """Grey with a red left and a blue right third."""
    pixels = np.full((height, width, 3), 90, dtype=np.uint8)
    pixels[:, : width // 3], pixels[:, -width // 3 :] = (250, 10, 10), (10, 10, 250)
    return Image.fromarray(pixels)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 64))
def test_the_shorter_side_is_read_at_the_side_that_is_asked_for(width: int, height: int, side: int) -> None:
    """And the other one keeps its proportion to it."""
    size = reading_size(width, height, side)
    assert min(size) == side
    assert abs(size[0] * width - size[1] * height) <= max(width, height)


@settings(max_examples=15)
@given(st.integers(6, 70), st.integers(6, 70), st.sampled_from([8, 32, 50]))
def test_masks_have_the_pictures_own_size(segmenter: Segmenter, width: int, height: int, side: int) -> None:
    """Whatever size they are read at; the parts stand where they are."""
    pixels = torch.from_numpy(np.array(picture(width, height))).permute(2, 0, 1)[None].float() / 255
    (mask,) = segment(segmenter, pixels, side)
    assert mask.shape == (height, width) and mask.dtype == np.uint8
    assert (mask[height // 2, 0], mask[height // 2, -1], mask[height // 2, width // 2]) == (1, 2, 0)


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_a_picture_is_read_as_those_that_the_segmenter_knows(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch, fit: str
) -> None:
    """Its square goes through the network, and what is predicted on the padding is cut away."""
    read: list[torch.Tensor] = []
    fitted = Segmenter(segmenter.network, CLASSES, SIDE, {"fit": fit})
    monkeypatch.setattr(segmenter.network, "forward", _noted(read, segmenter.network.forward))
    for image in (picture(60, 30), picture(24, 90)):
        (mask,) = segment_squares(fitted, [image], SIDE)
        width, height = image.size
        assert mask.shape == (height, width) and mask.dtype == np.uint8
        assert torch.equal(read.pop(), square(image, SIDE, fit)[None])
        thirds = np.array(image)[:, :, 0].astype(int) - np.array(image)[:, :, 2]
        wanted = np.where(thirds > 0, 1, np.where(thirds < 0, 2, 0))
        assert (mask == wanted).mean() > 0.9


def _noted(read: list[torch.Tensor], forward: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    def noting(images: torch.Tensor) -> torch.Tensor:
        read.append(images)
        return forward(images)

    return noting


def test_an_overlay_leaves_the_background_alone(segmenter: Segmenter) -> None:
    """And draws every other class towards its colour; without a background all classes are drawn."""
    pixels, mask = np.array(picture(9, 9)), np.repeat([[0, 1, 2]], 9, 0).repeat(3, 1).astype(np.uint8)
    drawn = overlay(pixels, mask, CLASSES).astype(int)
    assert np.array_equal(drawn[mask == 0], pixels[mask == 0])
    for part in (1, 2):
        before, after = (np.abs(p[mask == part].astype(int) - PALETTE[part]).sum() for p in (pixels, drawn))
        assert after < before / 2
    assert not np.array_equal(overlay(pixels, mask, ("a", "b", "c"))[mask == 0], pixels[mask == 0])


def test_a_mask_is_an_index_png_with_colours(tmp_path: Path) -> None:
    """Its values are the classes, for programs; its palette is what people see."""
    mask = np.arange(20, dtype=np.uint8).reshape(4, 5)
    write_mask(tmp_path / "m.png", mask)
    with Image.open(tmp_path / "m.png") as image:
        assert image.mode == "P"
        shown = np.array(image.convert("RGB"))
    assert np.array_equal(read_mask(tmp_path / "m.png"), mask)
    assert np.array_equal(shown, PALETTE[mask % len(PALETTE)])
    (tmp_path / "m.png").write_bytes(b"cut short")
    assert read_mask(tmp_path / "m.png") is None
