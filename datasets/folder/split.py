"""Reading a folder's pairs: images made square, masks with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..dataset import PAD, DatasetError, Splits
from ..files.decoding import decode
from ..files.fit import squares
from ..files.hints import enumeration
from ..files.images import ImageFolder
from ..files.masks import Labels, read_labels, square_masks
from .files import ImageMaskPair, split_pairs
from .labelling import Labelling
from .tally import ValueTally

if TYPE_CHECKING:
    from torch import Tensor


class PairSplit:
    """Images with masks from files, each made square by its fit and resized.

    Images are resized with an antialiased bilinear filter, masks to the nearest pixel centre, so
    that a mask never holds a class that is not in its file.
    """

    def __init__(self, pairs: Sequence[ImageMaskPair], labelling: Labelling, tally: ValueTally, fit: str = PAD) -> None:
        self._pairs = pairs
        self._fit = fit
        self._labelling = labelling
        self._tally = tally

    def __len__(self) -> int:
        return len(self._pairs)

    def name(self, index: int) -> str:
        """The file name of the image without its ending."""
        return self._pairs[index].name

    def files(self, index: int) -> tuple[Path, ...]:
        """The image, its mask and the list of classes."""
        return self._pairs[index].image, self._pairs[index].mask, self._labelling.file

    def inspect(self, index: int) -> None:
        """Decode image and mask, compare their sizes, and look up every value of the mask."""
        pair = self._pairs[index]
        labels, image = read_labels(pair.mask), decode(pair.image, str(pair.image)).size
        if image != labels.shape[::-1]:
            mask = f"{pair.mask} is {labels.shape[1]}x{labels.shape[0]}"
            raise DatasetError(f"{pair.image} is {image[0]}x{image[1]} pixels and {mask}; bring both to one size")
        self._tally.add(pair.mask, labels, class_indices(labels, self._labelling, pair.mask))

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The images at `indices`, (N, 3, size, size) float32 in [0, 1]."""
        return squares([self._pairs[index].image for index in indices], size, self._fit)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their masks, (N, size, size) int64: class indices, or `IGNORE`."""
        return square_masks(self._classes, indices, size, self._fit)

    def own_mask(self, index: int) -> Tensor:
        """The whole mask (height, width) uint8 of an image: class indices, or `IGNORE`."""
        return torch.from_numpy(self._classes(index).astype(np.uint8))

    def fitted(self, fit: str) -> PairSplit:
        """The same images, made square by another fit."""
        return PairSplit(self._pairs, self._labelling, self._tally, fit)

    def _classes(self, index: int) -> Labels:
        path = self._pairs[index].mask
        return class_indices(read_labels(path), self._labelling, path)


def load_folder(folder: Path, labelling: Labelling, fit: str = PAD) -> Splits:
    """The splits of a folder; only names are looked at until `inspect` is called."""
    pairs, notes = split_pairs(folder)
    tally = ValueTally(labelling)
    splits = {name: PairSplit(split, labelling, tally, fit) for name, split in pairs.items() if split}
    unlabelled = _unlabelled(folder, fit)
    notes += unlabelled.notes if unlabelled else ()
    return Splits(splits["pool"], splits["test"], splits.get("validation"), unlabelled, notes, tally.remarks)


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


def _unlabelled(folder: Path, fit: str) -> ImageFolder | None:
    places = (folder / "unlabelled", folder / "unlabelled.zip")
    sources = [place for place in places if place.exists()]
    return ImageFolder(sources, fit) if sources else None
