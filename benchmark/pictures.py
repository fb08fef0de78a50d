"""Pictures of a run: images beside truth and predictions, originals beside their reconstructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .iou import IGNORE
from .plan import Cell, file_name
from .results import UNREADABLE, write_atomic

SHOWN = 16
"""Test images whose pictures are kept."""
ON_SHEET = 8
"""Of these, how many a sheet shows."""
RECONSTRUCTIONS = "reconstructions"
"""Name of the array in a gallery's file."""
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


@dataclass
class BackboneGallery:
    """What is kept of a backbone's first test images: originals, truth, reconstructions, predictions of one draw."""

    file: Path
    images: NDArray[np.floating[Any]]
    truth: NDArray[np.integer[Any]]
    predictions: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Path, backbone: str, images: NDArray[np.floating[Any]], truth: NDArray[Any]) -> BackboneGallery:
        """An empty gallery for the first of these test images (n, 3, s, s) and masks (n, S, S)."""
        return cls(picture_file(run, backbone), images[:SHOWN], truth[:SHOWN])

    def keep(self, cell: Cell, guess: NDArray[np.integer[Any]]) -> None:
        """Keep the predicted masks (n, S, S) of a cell, if it is of the first draw."""
        if cell.draw == 0:
            self.predictions[f"{cell.head} {cell.shots}"] = guess[:SHOWN].astype(np.uint8)

    def write(self, reconstructions: NDArray[np.floating[Any]] | None) -> None:
        """Write everything in one file with what is in it, and originals beside reconstructions as a picture."""
        buffer, kept = BytesIO(), read_pictures(self.file)
        shown = {**kept, **self.predictions, "images": self.images, "truth": self.truth}
        if reconstructions is not None:
            shown[RECONSTRUCTIONS] = reconstructions[:SHOWN]
        np.savez_compressed(buffer, allow_pickle=False, **shown)
        write_atomic(self.file, buffer.getvalue())
        if reconstructions is not None:
            pairs = [[to_picture(i) for i in these[:ON_SHEET]] for these in (self.images, reconstructions)]
            numbers = [str(i + 1) for i in range(len(pairs[0]))]
            name = self.file.with_name(f"{self.file.stem}-reconstructions.png")
            save_png(name, sheet(pairs, numbers, ("original", "reconstruction")))


def picture_file(run: Path, backbone: str) -> Path:
    """Where the pictures of a backbone are kept."""
    return run / "pictures" / f"{file_name(backbone)}.npz"


def read_pictures(file: Path) -> dict[str, NDArray[Any]]:
    """What a gallery wrote; nothing if it did not, or if the file is damaged."""
    try:
        with np.load(BytesIO(file.read_bytes())) as kept:
            return dict(kept)
    except UNREADABLE:
        return {}


def compare_predictions(run: Path, backbones: Sequence[str], head: str, shots: int) -> Path | None:
    """One sheet: image, truth, and what each backbone with this head and so many shots predicts; None without any."""
    columns = {backbone: (backbone, head, shots) for backbone in backbones}
    return compare_cells(run, columns, f"predictions-{file_name(head)}-{shots}-shot.png")


def compare_cells(run: Path, columns: Mapping[str, tuple[str, str, int]], name: str) -> Path | None:
    """One sheet, `pictures/NAME`: image, truth, and what the backbone, head and shots of each title predict."""
    galleries = {backbone: read_pictures(picture_file(run, backbone)) for backbone, _, _ in columns.values()}
    kept = {title: galleries[backbone] for title, (backbone, _, _) in columns.items()}
    wanted = {title: f"{head} {shots}" for title, (_, head, shots) in columns.items()}
    kept = {title: pictures for title, pictures in kept.items() if wanted[title] in pictures}
    if not kept:
        return None
    first = next(iter(kept.values()))
    painted = [[to_picture(i) for i in first["images"]], [paint(m) for m in first["truth"]]]
    painted += [[paint(m) for m in pictures[wanted[title]]] for title, pictures in kept.items()]
    rows = list(zip(*painted, strict=False))[:ON_SHEET]  # a backbone of large images keeps fewer of them
    save_png(run / "pictures" / name, sheet(rows, ["image", "truth", *kept]))
    return run / "pictures" / name
