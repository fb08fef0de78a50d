"""Pictures as arrays: painted masks, rounded images, sheets that can be read."""

from __future__ import annotations

import numpy as np
from PIL import ImageFont

from partbench.benchmark.metrics.confusion import IGNORE
from partbench.benchmark.pictures import GAP, HEADER, IGNORED, PALETTE, TILE, fit_text, paint, sheet, to_picture


def test_a_mask_is_painted_in_the_colours_of_its_classes() -> None:
    """More classes than colours begin again; what is not labelled has a colour of its own."""
    painted = paint(np.array([[0, 1], [len(PALETTE), IGNORE]]))
    assert painted.dtype == np.uint8
    assert painted[0].tolist() == PALETTE[:2].tolist()
    assert painted[1].tolist() == [PALETTE[0].tolist(), list(IGNORED)]
    assert list(IGNORED) not in PALETTE.tolist()


def test_an_image_is_clipped_and_rounded() -> None:
    """(3, h, w) in [0, 1] becomes (h, w, 3) bytes."""
    picture = to_picture(np.array([-0.5, 0.5, 1.5]).reshape(3, 1, 1))
    assert picture.tolist() == [[[0, 128, 255]]]


def test_a_sheet_is_a_grid() -> None:
    """A row of names above, and pictures of any size in tiles of one size."""
    rows = [[np.full((side, side, 3), 200, np.uint8)] * 3 for side in (8, 512)]
    image = sheet(rows, ["a", "b", "c"])
    assert image.size == (GAP + 3 * (TILE + GAP), HEADER + 2 * (TILE + GAP))
    assert image.getpixel((GAP, HEADER)) == image.getpixel((GAP + TILE - 1, HEADER + TILE - 1)) == (200, 200, 200)
    assert image.getpixel((GAP + TILE, HEADER)) == (255, 255, 255)
    assert sheet(rows, ["a", "b", "c"], ["first", "second"]).width > image.width


def test_a_long_name_keeps_its_end() -> None:
    """Names of neighbours never overlap: the weights of a backbone stand at the end of its name."""
    font = ImageFont.load_default(13)
    assert fit_text("pixels", font) == "pixels"
    short = fit_text("stylegan2:E@some/folder/of/weights/cats.safetensors", font)
    assert short.startswith("…")
    assert short.endswith("cats.safetensors")
    assert font.getlength(short) <= TILE
