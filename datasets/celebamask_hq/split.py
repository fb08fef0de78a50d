"""Reading CelebAMask-HQ: photographs, and one map of classes from the masks of their parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..dataset import CROP, DatasetError, Splits
from ..files.decoding import decode
from ..files.fit import squares
from ..files.masks import read_lit, square_masks
from .files import image_path, mask_path, split_numbers
from .parts import GROUPINGS, PARTS, Strokes

if TYPE_CHECKING:
    from torch import Tensor

Part = NDArray[np.bool_]
"""Where one part is, (height, width)."""


class FaceSplit:
    """Photographs of faces with part masks, made square by a fit; an image opens only its own files."""

    def __init__(self, root: Path, numbers: Sequence[int], strokes: Strokes, fit: str = CROP) -> None:
        self._root = root
        self._numbers = numbers
        self._strokes = strokes
        self._fit = fit

    def __len__(self) -> int:
        return len(self._numbers)

    def name(self, index: int) -> str:
        """The number of the image in five digits, as its masks are named."""
        return f"{self._numbers[index]:05d}"

    def files(self, index: int) -> tuple[Path, ...]:
        """The photograph, and the mask of every part that has one."""
        return image_path(self._root, self._numbers[index]), *self._masks(index).values()

    def inspect(self, index: int) -> None:
        """Decode the photograph and the masks of its parts, and compare their shapes."""
        number = self._numbers[index]
        path = image_path(self._root, number)
        width, height = decode(path, str(path)).size
        masks = find_masks(self._root, number)
        parts = read_parts(masks)
        for part, (rows, columns) in ((part, lit.shape) for part, lit in parts.items()):
            if rows * width != columns * height:
                fact = f"{masks[part]} is {columns}x{rows} pixels and {path} {width}x{height}, which is another shape"
                raise DatasetError(f"{fact}; unpack both again")
        check_sizes(masks, parts)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The photographs at `indices`, (N, 3, size, size) float32 in [0, 1]; resized bilinearly, antialiased."""
        return squares([image_path(self._root, self._numbers[index]) for index in indices], size, self._fit)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their classes, (N, size, size) int64, or `IGNORE`; each pixel is the one under its centre."""
        return square_masks(self._classes, indices, size, self._fit)

    def own_mask(self, index: int) -> Tensor:
        """The whole mask (height, width) uint8 of an image, at the size of the masks of its parts: class indices."""
        return torch.from_numpy(self._classes(index).astype(np.uint8))

    def fitted(self, fit: str) -> FaceSplit:
        """The same photographs, made square by another fit."""
        return FaceSplit(self._root, self._numbers, self._strokes, fit)

    def _classes(self, index: int) -> NDArray[np.int64]:
        masks = self._masks(index)
        parts = read_parts(masks)
        check_sizes(masks, parts)
        return paint(parts, self._strokes)

    def _masks(self, index: int) -> dict[str, Path]:
        """The mask files of the parts that are painted; where there is none, another one that gives the size."""
        found = find_masks(self._root, self._numbers[index])
        painted = {part: found[part] for part, _ in self._strokes if part in found}
        return painted or dict([*found.items()][:1])


def load_celebamask(root: Path, grouping: str, overlaps: str, train_images: str, fit: str = CROP) -> Splits:
    """The splits of CelebAMask-HQ at a path; only names and the mapping file are looked at."""
    strokes = GROUPINGS[grouping].strokes(overlaps)
    numbers, notes = split_numbers(root, train_images)
    splits = {name: FaceSplit(root, listed, strokes, fit) for name, listed in numbers.items()}
    return Splits(splits["pool"], splits["test"], splits["validation"], splits.get("unlabelled"), notes)


def find_masks(root: Path, number: int) -> dict[str, Path]:
    """The mask files of one image by part, at least one."""
    paths = {part: mask_path(root, number, part) for part in PARTS}
    found = {part: path for part, path in paths.items() if path.exists()}
    if not found:
        raise DatasetError(f"{image_path(root, number)} has no mask of any part any more; unpack the masks again")
    return found


def read_parts(masks: Mapping[str, Path]) -> dict[str, Part]:
    """The parts in the mask files of one image."""
    return {part: read_lit(path) for part, path in masks.items()}


def check_sizes(masks: Mapping[str, Path], parts: Mapping[str, Part]) -> None:
    """Refuse masks of one image that have several sizes, as no map of classes is made of these."""
    first = next(iter(parts))
    other = next((part for part, lit in parts.items() if lit.shape != parts[first].shape), None)
    if other is not None:
        sizes = " and ".join(f"{masks[p]} is {parts[p].shape[1]}x{parts[p].shape[0]} pixels" for p in (other, first))
        raise DatasetError(f"{sizes}, and an image has masks of one size; unpack both again")


def paint(parts: Mapping[str, Part], strokes: Strokes) -> NDArray[np.int64]:
    """One map of class indices of the size of the parts, of which there is one at least; later strokes cover earlier.

    What is no part of a stroke is background, 0.
    """
    labels = np.zeros(next(iter(parts.values())).shape, np.int64)
    for part, index in strokes:
        if part in parts:
            labels[parts[part]] = index
    return labels
