"""Reading CelebAMask-HQ: photographs, and one map of classes from the masks of their parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..dataset import DatasetError, Splits
from ..files.decoding import decode
from ..files.fit import squares
from ..files.masks import read_lit, square_labels
from .files import image_path, mask_path, split_numbers
from .parts import GROUPINGS, PARTS, Strokes

if TYPE_CHECKING:
    from torch import Tensor

Part = NDArray[np.bool_]
"""Where one part is, (size, size)."""


class FaceSplit:
    """Photographs of faces with part masks; an image opens only its own files."""

    def __init__(self, root: Path, numbers: Sequence[int], strokes: Strokes) -> None:
        self._root = root
        self._numbers = numbers
        self._strokes = strokes

    def __len__(self) -> int:
        return len(self._numbers)

    def name(self, index: int) -> str:
        """The number of the image in five digits, as its masks are named."""
        return f"{self._numbers[index]:05d}"

    def files(self, index: int) -> tuple[Path, ...]:
        """The photograph, and the mask of every part that has one."""
        masks = (mask_path(self._root, self._numbers[index], part) for part, _ in self._strokes)
        return image_path(self._root, self._numbers[index]), *(path for path in masks if path.exists())

    def inspect(self, index: int) -> None:
        """Decode the photograph and the masks of its parts, and compare their shapes."""
        number = self._numbers[index]
        path = image_path(self._root, number)
        width, height = decode(path, str(path)).size
        for part in PARTS:
            mask = mask_path(self._root, number, part)
            if mask.exists() and (shape := read_lit(mask).shape) and shape[0] * width != shape[1] * height:
                fact = f"{mask} is {shape[1]}x{shape[0]} pixels and {path} {width}x{height}, which is another shape"
                raise DatasetError(f"{fact}; unpack both again")

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The photographs at `indices`, (N, 3, size, size) float32 in [0, 1]; resized bilinearly, antialiased."""
        return squares([image_path(self._root, self._numbers[index]) for index in indices], size)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their classes, (N, size, size) int64; each pixel is the one under its centre."""
        masks = torch.empty(len(indices), size, size, dtype=torch.int64)
        used = [part for part, _ in self._strokes]
        for row, index in enumerate(indices):
            parts = read_parts(self._root, self._numbers[index], used, size)
            masks[row] = torch.from_numpy(paint(parts, self._strokes, size))
        return masks


def load_celebamask(root: Path, grouping: str, overlaps: str, train_images: str) -> Splits:
    """The splits of CelebAMask-HQ at a path; only names and the mapping file are looked at."""
    strokes = GROUPINGS[grouping].strokes(overlaps)
    numbers, notes = split_numbers(root, train_images)
    splits = {name: FaceSplit(root, listed, strokes) for name, listed in numbers.items()}
    return Splits(splits["pool"], splits["test"], splits["validation"], splits.get("unlabelled"), notes)


def read_parts(root: Path, number: int, names: Iterable[str], size: int) -> dict[str, Part]:
    """The parts of one image that have a mask file, at a size."""
    found = {}
    for name in names:
        path = mask_path(root, number, name)
        if path.exists():
            found[name] = square_labels(read_lit(path), size)
    return found


def paint(parts: Mapping[str, Part], strokes: Strokes, size: int) -> NDArray[np.int64]:
    """One map of class indices, (size, size); a later stroke covers an earlier one."""
    labels = np.zeros((size, size), np.int64)
    for part, index in strokes:
        if part in parts:
            labels[parts[part]] = index
    return labels
