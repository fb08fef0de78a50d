"""How many pixels the choice between `first` and `painter` changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dataset import DatasetError
from .files import MASKS
from .parts import GROUPINGS, OVERLAPS, PARTS
from .split import paint, read_parts

SIDE = 512
"""Side of the published masks, in pixels."""


@dataclass(frozen=True)
class ChangedPixels:
    """The pixels whose class depends on the construction; printed, it is one sentence."""

    pixels: int
    """All that were looked at."""
    changed: int
    classes: Mapping[str, tuple[int, int]]
    """By class, the pixels that only `first` gives it, and those that only `painter` does."""

    def __str__(self) -> str:
        moved = (f"{name} -{lost} +{won}" for name, (lost, won) in self.classes.items() if lost or won)
        share = f"{self.changed} of {self.pixels} pixels ({self.changed / self.pixels:.2%})"
        return f"painter instead of first changes {share}: {', '.join(moved) or 'nothing'}"


def changed_pixels(root: Path, numbers: Sequence[int], grouping: str = "paper10", size: int = SIDE) -> ChangedPixels:
    """What `painter` instead of `first` changes in the images of these numbers.

    >>> print(changed_pixels(Path("CelebAMask-HQ"), range(100)))  # doctest: +SKIP
    """
    if not numbers:
        raise DatasetError("no image was given to compare the constructions on; give the number of one")
    constructions = [GROUPINGS[grouping].strokes(overlaps) for overlaps in OVERLAPS]
    classes = GROUPINGS[grouping].classes
    moves = np.zeros((len(classes), len(classes)), np.int64)
    for number in numbers:
        parts = read_parts(root, number, PARTS, size)
        if not parts:
            raise DatasetError(f"the image {number} has no mask in {root / MASKS}; mend the path or the number")
        first, painter = (paint(parts, strokes, size) for strokes in constructions)
        np.add.at(moves, (first, painter), 1)
    np.fill_diagonal(moves, 0)
    sums = zip(moves.sum(1).tolist(), moves.sum(0).tolist(), strict=True)
    return ChangedPixels(len(numbers) * size * size, int(moves.sum()), dict(zip(classes, sums, strict=True)))
