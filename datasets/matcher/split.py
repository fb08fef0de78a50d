"""Reading episodes: supports as the pool, queries as the test split, the n-th of each for the n-th episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ... import one_line
from ..dataset import STRETCH, DatasetError, Splits
from ..files.decoding import decode
from ..files.fit import square
from ..files.masks import square_masks
from ..files.rasters import Mask, decode_counts, polygon, run_lengths
from .episodes import Episode, PartCrop

if TYPE_CHECKING:
    from torch import Tensor


class EpisodeSplit:
    """One crop of each episode, stretched to a square; its mask has the part of the episode and background."""

    def __init__(self, crops: Sequence[PartCrop], parts: Sequence[int], role: str) -> None:
        self._crops = crops
        self._parts = parts
        self._role = role

    def __len__(self) -> int:
        return len(self._crops)

    def name(self, index: int) -> str:
        """The number of the episode, the role in it, and the name of the photograph."""
        return f"{index:04d} {self._role} {self._crops[index].image.stem}"

    def files(self, index: int) -> tuple[Path, ...]:
        """The photograph and its annotation."""
        return self._crops[index].image, self._crops[index].annotation

    def inspect(self, index: int) -> None:
        """Decode the photograph and its part."""
        self._cut(index)
        self._labels(index)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The crops at `indices`, (N, 3, size, size) float32 in [0, 1]; resized bilinearly, antialiased."""
        images = torch.empty(len(indices), 3, size, size)
        for row, index in enumerate(indices):
            images[row] = square(Image.fromarray(self._cut(index)), size, STRETCH)
        return images

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their parts, (N, size, size) int64; each pixel is the one under its centre."""
        return square_masks(self._labels, indices, size, STRETCH)

    def own_mask(self, index: int) -> Tensor:
        """The mask (height, width) uint8 of the whole crop."""
        return torch.from_numpy(self._labels(index).astype(np.uint8))

    def fitted(self, fit: str) -> EpisodeSplit:
        """The same crops; no other fit is offered."""
        return self

    def _cut(self, index: int) -> NDArray[np.uint8]:
        """The pixels in the box, (height, width, 3)."""
        crop = self._crops[index]
        left, top, right, bottom = crop.box
        pixels = np.array(decode(crop.image, str(crop.image)))[top:bottom, left:right]
        if not pixels.size:
            width, height = decode(crop.image, str(crop.image)).size
            fact = f"the box {crop.box} in {crop.annotation} shows nothing of {crop.image} with {width}x{height} pixels"
            raise DatasetError(f"{fact}; bring back the photograph as published")
        return pixels

    def _labels(self, index: int) -> NDArray[np.int64]:
        """The part in the box, (height, width)."""
        crop = self._crops[index]
        shape = self._cut(index).shape[:2]
        try:
            lit = np.logical_or.reduce([outlined(outline, crop, shape) for outline in crop.outlines])
        except (KeyError, TypeError, ValueError) as error:
            fact = f"{crop.annotation} has a damaged mask in {crop.image.name} ({one_line(error)})"
            raise DatasetError(f"{fact}; unpack it again") from None
        return np.where(lit, self._parts[index], 0)


def outlined(outline: Mapping[str, Any] | Sequence[Sequence[float]], crop: PartCrop, shape: tuple[int, ...]) -> Mask:
    """The inside of run lengths or polygons where the box of a crop shows it, of the shape that the box has."""
    height, width = shape
    left, top, *_ = crop.box
    if not isinstance(outline, Mapping):
        corners = [np.reshape(np.asarray(part, np.float64), (-1, 2)) - (left, top) for part in outline]
        shapes = [polygon([(float(x), float(y)) for x, y in part], height, width) for part in corners]
        whole: Mask = np.logical_or.reduce(shapes)
        return whole
    counts = outline["counts"]
    counts = counts.decode("ascii") if isinstance(counts, bytes) else counts
    mask = run_lengths(decode_counts(counts) if isinstance(counts, str) else counts, *map(int, outline["size"]))
    cut: Mask = mask[top : top + height, left : left + width]
    if cut.shape != (height, width):
        raise ValueError(f"it is of {mask.shape[1]}x{mask.shape[0]} pixels")
    return cut


def episode_splits(episodes: Sequence[Episode]) -> Splits:
    """Supports and queries as pool and test split."""
    parts = tuple(episode.part for episode in episodes)
    pool = EpisodeSplit([episode.support for episode in episodes], parts, "support")
    test = EpisodeSplit([episode.query for episode in episodes], parts, "query")
    return Splits(pool, test, episodes=parts)
