"""Pictures of a run: images beside truth and predictions, originals beside their reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .files import write_atomic
from .metrics.confusion import IGNORE

TILE = 128
"""Side of one picture on a sheet, pixels."""
GAP, HEADER = 4, 24
"""Pixels between pictures, and above them for the names of the columns."""
IGNORED = (0, 0, 0)
"""Colour of pixels without a label."""
PALETTE = np.array(
    [
        (38, 38, 44), (240, 240, 240), (213, 62, 79), (244, 165, 60), (233, 198, 168), (69, 117, 180),
        (118, 74, 42), (102, 166, 80), (171, 100, 190), (90, 190, 195), (200, 200, 80), (150, 150, 150),
    ],
    dtype=np.uint8,
)  # fmt: skip
"""Colours of the classes in order; more classes begin again."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Picture = NDArray[np.uint8]
"""(h, w, 3)."""


def paint(mask: NDArray[np.integer[Any]]) -> Picture:
    """A mask (h, w) in the colours of its classes."""
    painted: Picture = PALETTE[np.asarray(mask) % len(PALETTE)]
    painted[np.asarray(mask) == IGNORE] = IGNORED
    return painted


def to_picture(image: NDArray[np.floating[Any]]) -> Picture:
    """An image (3, h, w) in [0, 1]."""
    return (np.moveaxis(image, 0, -1).clip(0, 1) * 255).round().astype(np.uint8)


def sheet(rows: Sequence[Sequence[Picture]], columns: Sequence[str], names: Sequence[str] = ()) -> Image.Image:
    """Pictures in a grid under the names of their columns, beside the names of their rows."""
    font = ImageFont.load_default(13)
    step = TILE + GAP
    left = GAP + (int(max(font.getlength(name) for name in names)) + 3 * GAP if names else 0)
    canvas = Image.new("RGB", (left + len(columns) * step, HEADER + len(rows) * step), "white")
    draw = ImageDraw.Draw(canvas)
    for j, name in enumerate(columns):
        draw.text((left + j * step + TILE / 2, HEADER / 2), fit_text(name, font), "black", font, anchor="mm")
    for i, row in enumerate(rows):
        if names:
            draw.text((left - 2 * GAP, HEADER + i * step + TILE / 2), names[i], "black", font, anchor="rm")
        for j, picture in enumerate(row):
            canvas.paste(_tile(picture), (left + j * step, HEADER + i * step))
    return canvas


def fit_text(name: str, font: Font) -> str:
    """A name as it fits above a picture: its end, where weights and variants stand, if it is too long."""
    short = name
    while font.getlength(short) > TILE and len(short) > 2:
        short = "…" + short[2:]
    return short


def _tile(picture: Picture) -> Image.Image:
    """A picture as a tile; where it is made larger its pixels stay sharp."""
    smaller = max(picture.shape[:2]) > TILE
    return Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.BOX if smaller else Image.Resampling.NEAREST)


def save_png(path: Path, image: Image.Image) -> None:
    """Write an image whole or not at all."""
    buffer = BytesIO()
    image.save(buffer, "PNG")
    write_atomic(path, buffer.getvalue())
