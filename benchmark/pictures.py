"""Pictures of a run: images beside truth and predictions, originals beside their reconstructions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .plan import Cell
from .results import write_atomic

SHOWN = 8
"""Test images that are shown."""
TILE = 128
"""Side of one picture on a sheet, pixels."""
PALETTE = np.array(
    [
        (38, 38, 44), (240, 240, 240), (213, 62, 79), (244, 165, 60), (233, 198, 168), (69, 117, 180),
        (118, 74, 42), (102, 166, 80), (171, 100, 190), (90, 190, 195), (200, 200, 80), (150, 150, 150),
    ],
    dtype=np.uint8,
)  # fmt: skip
"""Colours of the classes in order; more classes begin again."""

Picture = NDArray[np.uint8]
"""(h, w, 3)."""


def paint(mask: NDArray[np.integer[Any]]) -> Picture:
    """A mask (h, w) in the colours of its classes."""
    return np.asarray(PALETTE[np.asarray(mask) % len(PALETTE)])


def to_picture(image: NDArray[np.floating[Any]]) -> Picture:
    """An image (3, h, w) in [0, 1]."""
    return (np.moveaxis(image, 0, -1).clip(0, 1) * 255).round().astype(np.uint8)


def sheet(rows: Sequence[Sequence[Picture]], columns: Sequence[str], names: Sequence[str] = ()) -> Image.Image:
    """Pictures in a grid under the names of their columns, beside the names of their rows."""
    font = ImageFont.load_default(13)
    left = 8 + max((int(font.getlength(name)) for name in names), default=-8) + 8
    canvas = Image.new("RGB", (left + len(columns) * (TILE + 4), 24 + len(rows) * (TILE + 4)), "white")
    draw = ImageDraw.Draw(canvas)
    for j, name in enumerate(columns):
        draw.text((left + j * (TILE + 4) + TILE / 2, 12), name, "black", font, anchor="mm")
    for i, row in enumerate(rows):
        if names:
            draw.text((left - 8, 24 + i * (TILE + 4) + TILE / 2), names[i], "black", font, anchor="rm")
        for j, picture in enumerate(row):
            tile = Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.NEAREST)
            canvas.paste(tile, (left + j * (TILE + 4), 24 + i * (TILE + 4)))
    return canvas


def save_png(path: Path, image: Image.Image) -> None:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    write_atomic(path, buffer.getvalue())


@dataclass
class Gallery:
    """What is kept of a backbone's first test images: originals, truth, reconstructions, predictions of one draw."""

    file: Path
    images: NDArray[np.floating[Any]]
    truth: NDArray[np.integer[Any]]
    predictions: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Path, backbone: str, images: NDArray[np.floating[Any]], truth: NDArray[Any]) -> Gallery:
        name = re.sub(r"[^A-Za-z0-9._+-]+", "_", backbone)
        return cls(run / "pictures" / f"{name}.npz", images[:SHOWN], truth[:SHOWN])

    def keep(self, cell: Cell, guess: NDArray[np.integer[Any]]) -> None:
        """Keep the predicted masks (n, S, S) of a cell, if it is of the first draw."""
        if cell.draw == 0:
            self.predictions[f"{cell.head} {cell.shots}"] = guess[:SHOWN].astype(np.uint8)

    def write(self, reconstructions: NDArray[np.floating[Any]] | None) -> None:
        """Write everything in one file, and originals beside reconstructions as a picture."""
        buffer = BytesIO()
        np.savez_compressed(buffer, images=self.images, truth=self.truth, **self.predictions)  # type: ignore[arg-type]
        write_atomic(self.file, buffer.getvalue())
        if reconstructions is not None:
            pairs = [
                [to_picture(image) for image in self.images],
                [to_picture(image) for image in reconstructions[:SHOWN]],
            ]
            numbers = [str(i + 1) for i in range(len(self.images))]
            name = self.file.with_name(f"{self.file.stem}-reconstructions.png")
            save_png(name, sheet(pairs, numbers, ("original", "reconstruction")))


def compare_predictions(run: Path, backbones: Sequence[str], head: str, shots: int) -> Path | None:
    """One sheet: image, truth, and what each backbone with this head and so many shots predicts; None without any."""
    columns: list[list[Picture]] = []
    names = []
    for backbone in backbones:
        file = Gallery.of(run, backbone, np.empty(0), np.empty(0)).file
        if not file.exists():
            continue
        with np.load(file) as kept:
            if f"{head} {shots}" not in kept:
                continue
            if not columns:
                columns = [[to_picture(i) for i in kept["images"]], [paint(m) for m in kept["truth"]]]
                names = ["image", "truth"]
            columns.append([paint(m) for m in kept[f"{head} {shots}"]])
            names.append(backbone)
    if not columns:
        return None
    path = run / "pictures" / f"predictions-{head}-{shots}-shot.png"
    save_png(path, sheet(list(zip(*columns, strict=False)), names))
    return path
