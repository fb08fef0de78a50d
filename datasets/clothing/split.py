"""Reading Clothing Co-Parsing: street photographs, and the classes of their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ... import one_line
from ..dataset import PAD, DatasetError, Splits
from ..files.decoding import decode
from ..files.fit import squares
from ..files.hints import enumeration
from ..files.layout import find_place
from ..files.masks import Labels, square_masks
from ..files.matlab import read_matlab
from .files import LIST, PIXELS, WHAT, Photo, split_photos
from .labels import merge

if TYPE_CHECKING:
    from torch import Tensor


class PhotoSplit:
    """Street photographs without masks, made square by a fit."""

    def __init__(self, photos: Sequence[Photo], fit: str = PAD) -> None:
        self._photos = photos
        self._fit = fit

    def __len__(self) -> int:
        return len(self._photos)

    def name(self, index: int) -> str:
        """The number of the photograph in four digits."""
        return self._photos[index].name

    def files(self, index: int) -> tuple[Path, ...]:
        """The photograph."""
        return (self._photos[index].image,)

    def inspect(self, index: int) -> None:
        """Decode the photograph."""
        image = self._photos[index].image
        decode(image, str(image))

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The photographs at `indices`, (N, 3, size, size) float32 in [0, 1]; resized bilinearly, antialiased."""
        return squares([self._photos[index].image for index in indices], size, self._fit)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Nothing: these photographs have no masks, and asking for them is a `DatasetError`."""
        first = self._photos[indices[0]]
        raise DatasetError(f"{first.image} is not annotated pixel by pixel; draw shots and test images from others")


class ClothingSplit(PhotoSplit):
    """Street photographs with masks, made square by a fit; an image opens only its own files."""

    def __init__(self, photos: Sequence[Photo], labels: Path, fit: str = PAD) -> None:
        super().__init__(photos, fit)
        self._labels = labels
        self._indices = np.array(merge(read_label_list(labels), labels))

    def files(self, index: int) -> tuple[Path, ...]:
        """The photograph, its mask and the list of labels."""
        return self._photos[index].image, self._photos[index].mask, self._labels

    def inspect(self, index: int) -> None:
        """Decode the photograph, read its mask, compare their sizes, and look up every label."""
        photo, shape = self._photos[index], self._classes(index).shape
        width, height = decode(photo.image, str(photo.image)).size
        if (height, width) != shape:
            fact = f"{photo.image} is {width}x{height} pixels and {photo.mask} {shape[1]}x{shape[0]}"
            raise DatasetError(f"{fact}; unpack both again")

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their classes, (N, size, size) int64, or `IGNORE`; each pixel is the one under its centre."""
        return square_masks(self._classes, indices, size, self._fit)

    def own_mask(self, index: int) -> Tensor:
        """The whole mask (height, width) uint8 of an image: class indices."""
        return torch.from_numpy(self._classes(index).astype(np.uint8))

    def fitted(self, fit: str) -> ClothingSplit:
        """The same photographs, made square by another fit."""
        return ClothingSplit(self._photos, self._labels, fit)

    def _classes(self, index: int) -> Labels:
        mask = self._photos[index].mask
        places = read_places(mask)
        strange = np.unique(places[(places < 0) | (places >= len(self._indices))])
        if len(strange):
            fact = f"{mask} holds {enumeration(strange.tolist())}, and its labels are 0 to {len(self._indices) - 1}"
            raise DatasetError(f"{fact}; unpack it again")
        classes: Labels = self._indices[places]
        return classes


def load_clothing(root: Path, fit: str = PAD) -> Splits:
    """The splits of Clothing Co-Parsing at a path; only names and the list of labels are looked at."""
    photos, notes = split_photos(root)
    labels = find_place(root, LIST, f"the list of labels of {WHAT}")
    pool, test = (ClothingSplit(photos[split], labels, fit) for split in ("pool", "test"))
    unlabelled = PhotoSplit(photos["unlabelled"], fit) if photos["unlabelled"] else None
    counted = f"{len(photos['unlabelled'])} photographs of {root} have no mask in {PIXELS}, and are unlabelled"
    return Splits(pool, test, unlabelled=unlabelled, notes=(*notes, *((counted,) if unlabelled else ())))


def read_label_list(path: Path) -> list[str]:
    """The names of the labels, in the order of the numbers in the masks."""
    try:
        return [str(cell.item()) for cell in read_matlab(path, "label_list").ravel()]
    except Exception as error:  # scipy raises whatever a broken file drives it into
        raise DatasetError(f"{path} cannot be read as a list of labels ({one_line(error)}); unpack it again") from error


def read_places(path: Path) -> Labels:
    """The place of each pixel's label in the list, (height, width)."""
    try:
        places: NDArray[np.generic] = np.asarray(read_matlab(path, "groundtruth"))
        with np.errstate(invalid="ignore"):  # no number becomes some number, which is looked for below
            whole: Labels = places.astype(np.int64)
    except Exception as error:  # scipy raises whatever a broken file drives it into
        fact = f"{path} cannot be read as a mask of {WHAT} ({one_line(error)})"
        raise DatasetError(f"{fact}; unpack it again") from error
    if places.ndim != 2 or not places.size or not np.array_equal(whole, places):
        raise DatasetError(f"{path} has no whole numbers for the rows and columns of an image; unpack it again")
    return whole
