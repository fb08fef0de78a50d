"""Reading BSDS500: photographs cropped to a square, and the contours on which its annotators agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ... import one_line
from ..dataset import IGNORE, DatasetError, Splits
from ..files.decoding import decode
from ..files.fit import square_box, squares
from ..files.matlab import read_matlab
from .files import AnnotatedPhoto, split_pairs

if TYPE_CHECKING:
    from torch import Tensor

Drawing = NDArray[np.bool_]
"""Where one annotator saw a contour, (height, width)."""


class BSDSSplit:
    """Photographs with contours, each cropped to its largest central square and resized."""

    def __init__(self, pairs: Sequence[AnnotatedPhoto]) -> None:
        self._pairs = pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def name(self, index: int) -> str:
        """The number of the photograph."""
        return self._pairs[index].name

    def files(self, index: int) -> tuple[Path, ...]:
        """The photograph and what its annotators drew."""
        return self._pairs[index].image, self._pairs[index].truth

    def inspect(self, index: int) -> None:
        """Decode the photograph, read its drawings, and compare their sizes."""
        pair = self._pairs[index]
        size, drawn = decode(pair.image, str(pair.image)).size, read_drawings(pair.truth)[0].shape[::-1]
        if size != drawn:
            fact = f"{pair.image} is {size[0]}x{size[1]} pixels and {pair.truth} {drawn[0]}x{drawn[1]}"
            raise DatasetError(f"{fact}; unpack both again")

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The photographs at `indices`, (N, 3, size, size) float32 in [0, 1]."""
        return squares([self._pairs[index].image for index in indices], size)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their contours, (N, size, size) int64; see `merge_annotators`."""
        masks = torch.empty(len(indices), size, size, dtype=torch.int64)
        for row, index in enumerate(indices):
            drawings = read_drawings(self._pairs[index].truth)
            masks[row] = torch.from_numpy(merge_annotators([shrink(drawing, size) for drawing in drawings]))
        return masks


def load_bsds(path: Path) -> Splits:
    """The splits of BSDS500 at a path; only names are looked at."""
    pairs, notes = split_pairs(path)
    splits = {name: BSDSSplit(some) for name, some in pairs.items()}
    return Splits(splits["pool"], splits["test"], splits["validation"], splits["unlabelled"], notes)


def read_drawings(path: Path) -> list[Drawing]:
    """What each annotator drew: the `Boundaries` of the cells of `groundTruth`."""
    try:
        cells = read_matlab(path, "groundTruth").ravel()
        drawings = [np.asarray(cell["Boundaries"][0, 0]) != 0 for cell in cells]
    except Exception as error:  # scipy raises whatever a broken file drives it into
        reason = one_line(error)
        fact = f"{path} cannot be read as annotations of BSDS500 ({reason})"
        raise DatasetError(f"{fact}; unpack it again") from error
    if not drawings or any(drawing.ndim != 2 or drawing.shape != drawings[0].shape for drawing in drawings):
        raise DatasetError(f"{path} has no annotators, or drawings of several sizes; unpack it again")
    return drawings


def shrink(drawing: Drawing, size: int) -> Drawing:
    """The largest central square of a drawing at another size: a pixel is set where any of those under it is."""
    height, width = drawing.shape
    left, top, right, bottom = square_box(width, height)
    starts = np.arange(size) * (right - left) // size
    # Of an empty slice, as there are where the drawing is enlarged, reduceat gives its first element.
    rows = np.logical_or.reduceat(drawing[top:bottom, left:right], starts, axis=0)
    return np.logical_or.reduceat(rows, starts, axis=1)


def merge_annotators(drawings: Sequence[Drawing]) -> NDArray[np.int64]:
    """1 where at least half of the annotators saw a contour, 0 where none did, and `IGNORE` where a few did."""
    votes = np.sum(drawings, axis=0, dtype=np.int64)
    return np.where(2 * votes >= len(drawings), 1, np.where(votes > 0, IGNORE, 0))
