"""Kept pictures of a run: test images with truth and predictions, reconstructions, and the shots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .files import UNREADABLE, writable, write_atomic
from .pictures import (
    Picture,
    paint,
    save_png,
    sheet,
    to_picture,
)
from .plan import Cell, file_name

SHOWN = 16
"""Test images whose pictures are kept."""
ON_SHEET = 8
"""Of these, how many a sheet shows."""
RECONSTRUCTIONS = "reconstructions"
"""Name of the array in a gallery's file."""


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

    @staticmethod
    def shows(cell: Cell) -> bool:
        """Whether predictions of a cell are kept: of the first draw alone."""
        return cell.draw == 0

    def keep(self, cell: Cell, guess: NDArray[np.integer[Any]]) -> None:
        """Keep the predicted masks (n, S, S) of a cell, if it is shown."""
        if self.shows(cell):
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
    """One sheet, `pictures/NAME`: image, truth, and what the backbone, head and shots of each title predict.

    In a run that cannot be written to, the one that is there.
    """
    if not writable(run):
        return run / "pictures" / name if (run / "pictures" / name).exists() else None
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


SHOTS_FILE = "shots.npz"
"""In the folder of a run; not among the pictures of backbones, one of which may have this name."""
DRAWS_SHOWN = 4
"""Of the best draws, and as many of the worst, on a sheet."""


@dataclass(frozen=True)
class ShotPictures:
    """Images of the pool and their masks."""

    names: tuple[str, ...]
    images: NDArray[np.uint8]
    """(n, S, S, 3)."""
    masks: NDArray[np.uint8]
    """(n, S, S)."""

    @classmethod
    def of(
        cls, names: Sequence[str], images: NDArray[np.floating[Any]], masks: NDArray[np.integer[Any]]
    ) -> ShotPictures:
        """Of images (n, 3, S, S) in [0, 1] and masks (n, S, S)."""
        return cls(tuple(names), np.array([to_picture(image) for image in images]), masks.astype(np.uint8))


def first_shots(draws: Sequence[Sequence[Any]], count: int) -> list[Any]:
    """What some draw has among its first `count`, each once."""
    return list(dict.fromkeys(shot for draw in draws for shot in draw[:count]))


def keep_shots(run: Path, shots: ShotPictures) -> None:
    """Write the pictures into the folder of a run."""
    buffer = BytesIO()
    arrays = {"names": np.array(shots.names, dtype=str), "images": shots.images, "masks": shots.masks}
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(run / SHOTS_FILE, buffer.getvalue())


def read_shots(run: Path) -> ShotPictures | None:
    """What a run kept; None if nothing, or if the file is damaged."""
    kept = read_pictures(run / SHOTS_FILE)
    try:
        shots = ShotPictures(tuple(map(str, kept["names"])), kept["images"], kept["masks"])
    except (KeyError, TypeError):
        return None
    count, fits = len(shots.names), shots.images.ndim == 4 and shots.images.shape == (*shots.masks.shape, 3)
    return shots if fits and count == len(shots.masks) and shots.images.dtype == np.uint8 else None


def shot_sheet(
    shots: ShotPictures, names: Mapping[int, Sequence[str]], scores: Mapping[int, float]
) -> Image.Image | None:
    """The draws by their score, the best first: image and mask of each of their shots that is kept.

    `names` are the shots of every draw. Of many draws the best and the worst are shown; None if nothing is kept.
    """
    draws = list(scores)
    if len(draws) > 2 * DRAWS_SHOWN:
        draws = [*draws[:DRAWS_SHOWN], *draws[-DRAWS_SHOWN:]]
    places = {name: i for i, name in enumerate(shots.names)}
    depth = min(_kept(names[draw], places) for draw in draws)
    rows: list[list[Picture]] = []
    for shot in range(depth):
        own = [places[names[draw][shot]] for draw in draws]
        rows += [[shots.images[i] for i in own], [paint(shots.masks[i]) for i in own]]
    titles = {draw: names[draw][0] if len(names[draw]) == 1 else f"draw {draw}" for draw in draws}
    columns = [f"{titles[draw]}: {scores[draw]:.1f}" for draw in draws]
    beside = [text for shot in range(depth) for text in (f"shot {shot + 1}", "mask")]
    return sheet(rows, columns, beside) if rows else None


def _kept(names: Sequence[str], places: Mapping[str, int]) -> int:
    """How many of a draw's first shots there is a picture of."""
    return next((i for i, name in enumerate(names) if name not in places), len(names))
