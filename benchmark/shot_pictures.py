"""The shots of a run as pictures: kept beside its plan, and shown with the scores that they lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .pictures import Picture, paint, read_pictures, sheet, to_picture
from .results import write_atomic

FILE = "shots.npz"
"""In the folder of a run; not among the pictures of backbones, one of which may have this name."""
SHOWN = 4
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
    write_atomic(run / FILE, buffer.getvalue())


def read_shots(run: Path) -> ShotPictures | None:
    """What a run kept; None if nothing, or if the file is damaged."""
    kept = read_pictures(run / FILE)
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
    if len(draws) > 2 * SHOWN:
        draws = [*draws[:SHOWN], *draws[-SHOWN:]]
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
