"""Reading a folder's pairs: images cropped and resized, masks with them, every file looked at up front."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..dataset import DatasetError, Splits
from ..files.decoding import upright_size
from ..files.hints import enumeration
from ..files.images import ImageFolder, squares
from ..files.masks import Labels, read_labels, square_labels
from .files import ImageMaskPair, split_pairs
from .labelling import Labelling

if TYPE_CHECKING:
    from torch import Tensor


class PairSplit:
    """Images with masks from files, each cropped to its largest central square and resized.

    Images are resized with an antialiased bilinear filter, masks to the nearest pixel centre, so
    that a mask never holds a class that is not in its file.
    """

    def __init__(self, pairs: Sequence[ImageMaskPair], labelling: Labelling) -> None:
        self._pairs = pairs
        self._labelling = labelling

    def __len__(self) -> int:
        return len(self._pairs)

    def name(self, index: int) -> str:
        """The file name of the image without its ending."""
        return self._pairs[index].name

    def files(self, index: int) -> tuple[Path, ...]:
        """The image, its mask and the list of classes."""
        return self._pairs[index].image, self._pairs[index].mask, self._labelling.file

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The images at `indices`, (N, 3, size, size) float32 in [0, 1]."""
        return squares([self._pairs[index].image for index in indices], size)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their masks, (N, size, size) int64: class indices, or `IGNORE`."""
        masks = torch.empty(len(indices), size, size, dtype=torch.int64)
        for row, index in enumerate(indices):
            path = self._pairs[index].mask
            labels = square_labels(read_labels(path), size)
            masks[row] = torch.from_numpy(class_indices(labels, self._labelling, path))
        return masks


def load_folder(folder: Path, labelling: Labelling) -> Splits:
    """The splits of a folder, after a look at every image's size and every mask's values."""
    pairs, notes = split_pairs(folder)
    validate([pair for split in pairs.values() for pair in split], labelling)
    splits = {name: PairSplit(split, labelling) for name, split in pairs.items() if split}
    unlabelled = _unlabelled(folder)
    notes += unlabelled.notes if unlabelled else ()
    return Splits(splits["pool"], splits["test"], splits.get("validation"), unlabelled, notes)


def validate(pairs: Sequence[ImageMaskPair], labelling: Labelling) -> None:
    """Raise the error of the first pair, in their order, that cannot be used."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
        for _ in threads.map(lambda pair: _validate_pair(pair, labelling), pairs):
            pass


def class_indices(labels: Labels, labelling: Labelling, path: Path) -> Labels:
    """The class indices, or `IGNORE`, that the values of a mask file stand for."""
    # Looked up among the values that are named: a table as long as the largest number of a user would have no end.
    named = sorted(value for value in labelling.indices if abs(value) < 2**63)  # what numpy, and any mask, can hold
    at = np.searchsorted(named, labels).clip(max=len(named) - 1)
    found = np.asarray(named)[at] == labels
    indices: Labels = np.where(found, np.asarray([labelling.indices[value] for value in named])[at], -1)
    if (indices < 0).any():
        unknown = enumeration(np.unique(labels[indices < 0]).tolist(), most=8)
        fact = f"{path} holds {unknown}, which classes.json does not name"
        raise DatasetError(f"{fact}; mend the mask, add the classes, or declare the value as ignore_index")
    return indices


def _validate_pair(pair: ImageMaskPair, labelling: Labelling) -> None:
    labels = read_labels(pair.mask)
    image, mask = upright_size(pair.image), (labels.shape[1], labels.shape[0])
    if image != mask:
        fact = f"{pair.image} is {image[0]}x{image[1]} pixels and {pair.mask} is {mask[0]}x{mask[1]}"
        raise DatasetError(f"{fact}; bring both to one size")
    class_indices(labels, labelling, pair.mask)


def _unlabelled(folder: Path) -> ImageFolder | None:
    places = (folder / "unlabelled", folder / "unlabelled.zip")
    sources = [place for place in places if place.exists()]
    return ImageFolder(sources) if sources else None
