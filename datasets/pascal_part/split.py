"""Reading crops of PASCAL-Part: one object each, laid into a square, with a map of its part classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..dataset import PAD, DatasetError, Splits
from ..files.decoding import decode
from ..files.fit import square
from ..files.masks import square_masks
from .annotations import Object, read_objects
from .crops import Crop, find_crops
from .files import split_crops
from .parts import Kind, Strokes, order

if TYPE_CHECKING:
    from torch import Tensor


class CropSplit:
    """Objects in their boxes, each made square by a fit and resized; `pad` lays a box into the smallest square around.

    What that square has beside the box is black in the image and `IGNORE` in the mask, so that the shape of the object
    stays and nothing but the box is scored. `black` paints over what in the box is not the object.
    """

    def __init__(self, crops: Sequence[Crop], strokes: Strokes, black: bool, fit: str = PAD) -> None:
        self._crops = crops
        self._strokes = strokes
        self._black = black
        self._fit = fit

    def __len__(self) -> int:
        return len(self._crops)

    def name(self, index: int) -> str:
        """The name of the photograph and the number of the object in it, `2008_000939-2`."""
        return self._crops[index].name

    def files(self, index: int) -> tuple[Path, ...]:
        """The photograph and its annotation."""
        return self._crops[index].image, self._crops[index].annotation

    def inspect(self, index: int) -> None:
        """Decode the photograph, read its annotation, compare their sizes, and look up every part."""
        crop = self._crops[index]
        self._pixels(crop)
        self._classes(crop)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The crops at `indices`, (N, 3, size, size) float32 in [0, 1]; resized bilinearly, antialiased."""
        images = torch.empty(len(indices), 3, size, size)
        for row, index in enumerate(indices):
            pixels = cut(self._pixels(self._crops[index]), self._crops[index])
            images[row] = square(Image.fromarray(pixels), size, self._fit, mirrored=False)
        return images

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their part classes, (N, size, size) int64, or `IGNORE`; each pixel is the one under its centre."""
        return square_masks(self._classes, [self._crops[index] for index in indices], size, self._fit)

    def own_mask(self, index: int) -> Tensor:
        """The mask (height, width) uint8 of the whole box: part classes, or `IGNORE`."""
        return torch.from_numpy(self._classes(self._crops[index]).astype(np.uint8))

    def fitted(self, fit: str) -> CropSplit:
        """The same boxes, made square by another fit."""
        return CropSplit(self._crops, self._strokes, self._black, fit)

    def _classes(self, crop: Crop) -> NDArray[np.int64]:
        """The part classes in the box, (height, width)."""
        return cut(part_classes(_object(crop), self._strokes, str(crop.annotation)), crop)

    def _pixels(self, crop: Crop) -> NDArray[np.uint8]:
        """The photograph, (height, width, 3), black where it is asked to be."""
        pixels, mask = np.array(decode(crop.image, str(crop.image))), _object(crop).mask
        if pixels.shape[:2] != mask.shape:
            fact = f"{crop.image} is {pixels.shape[1]}x{pixels.shape[0]} pixels"
            mend = "bring back the photograph as PASCAL VOC has it"
            raise DatasetError(f"{fact} and {crop.annotation} has {mask.shape[1]}x{mask.shape[0]}; {mend}")
        if self._black:
            pixels[~mask] = 0
        return pixels


def load_pascal_part(root: Path, kind: Kind, strokes: Strokes, limit: float, black: bool, fit: str = PAD) -> Splits:
    """The splits of a kind, after a look into the annotations of every photograph that may show one."""
    crops, notes = find_crops(root, kind.name, kind.smallest, limit)
    splits = {name: CropSplit(some, strokes, black, fit) for name, some in split_crops(root, crops).items()}
    left = len(crops) - sum(map(len, splits.values()))
    unlisted = (f"the lists of {root} leave out {left} of {len(crops)} crops",) if left else ()
    return Splits(splits["pool"], splits["test"], notes=(*notes, *unlisted))


def part_classes(thing: Object, strokes: Strokes, where: str) -> NDArray[np.int64]:
    """The class index of each pixel of the photograph, (height, width); what no part covers is background, 0."""
    labels = np.zeros(thing.mask.shape, np.int64)
    for name, index in order(strokes, list(thing.parts), where):
        labels[thing.parts[name]] = index
    return labels


def cut(values: NDArray[Any], crop: Crop) -> NDArray[Any]:
    """What lies in the box of a crop."""
    left, top, right, bottom = crop.box
    return values[top:bottom, left:right]


def _object(crop: Crop) -> Object:
    return read_objects(crop.annotation)[crop.place]
