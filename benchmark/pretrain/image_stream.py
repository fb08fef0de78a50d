"""The stream of images that a training sees: seeded, without end, the same again from any position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as Indexed

from ...datasets.dataset import DatasetError, Split
from .perceptual_hash import Hashes, perceptual_hash

CACHE = 4 * 2**30
"""Most bytes of images kept in memory."""
READ_AT_ONCE = 64
"""Images that one of several processes reads before it hands them over."""

Planes: TypeAlias = tuple[list[int], Tensor, Hashes]
"""Rows of a split, their images and masks as bytes (n, 3 or 4, size, size), and perceptual hashes (n,)."""


@dataclass(frozen=True)
class SliceReader(Indexed[Planes]):
    """Slices of a split's images, each read when it is asked for."""

    split: Split
    size: int
    masks: bool
    slices: Sequence[list[int]]

    def __len__(self) -> int:
        return len(self.slices)

    def __getitem__(self, index: int) -> Planes:
        """What is read of a slice."""
        rows = self.slices[index]
        pictures = self.split.images(rows, self.size)
        planes = (pictures * 255).round().clamp(0, 255).to(torch.uint8)
        if self.masks:
            planes = torch.cat([planes, self.split.masks(rows, self.size)[:, None].to(torch.uint8)], 1)
        return rows, planes, perceptual_hash(pictures.numpy())


def _as_read(read: Any) -> Any:
    """What a process read, as it is; torch would turn its hashes into tensors."""
    return read


class ImageStream:
    """Batches of a split's first `limit` images in seeded random order without end, with their masks if asked.

    Where they fit into `CACHE` bytes, every image is read once and kept.
    """

    def __init__(
        self,
        split: Split,
        size: int,
        batch: int,
        seed: int,
        mirror: bool = False,
        limit: int | None = None,
        masks: bool = False,
    ) -> None:
        self.split, self.size, self.batch, self.seed, self.mirror = split, size, batch, seed, mirror
        self.masks = masks
        self.count = len(split) if limit is None else min(len(split), limit)
        if self.count < 1:
            raise DatasetError(f"{self.count} of {len(split)} images leave nothing to learn from; raise --limit")
        planes = 4 if masks else 3
        kept = self.count if self.count * planes * size * size <= CACHE else 0
        # Red, green, blue and, if asked for, the mask.
        self.bytes = torch.empty(kept, planes, size, size, dtype=torch.uint8)
        self.cached = torch.zeros(kept, dtype=torch.bool)
        self.hashed = np.zeros(self.count, dtype=bool)
        self.hash = np.zeros(self.count, dtype=np.uint64)

    def __len__(self) -> int:
        return self.count

    def at(self, position: int) -> tuple[Tensor, Tensor | None]:
        """The batch that stands `position` images into the stream.

        Images (batch, 3, size, size) in [0, 1], and masks (batch, size, size) int64 if asked for.
        """
        rows = np.concatenate([self._order(epoch) for epoch in self._epochs(position)])
        start = position % len(self)
        rows = rows[start : start + self.batch]
        planes = self._read(torch.from_numpy(rows))
        if self.mirror:
            flips = torch.from_numpy(np.random.default_rng([self.seed, 1, position]).random(len(rows)) < 0.5)
            planes = torch.where(flips[:, None, None, None], planes.flip(3), planes)
        return planes[:, :3].float() / 255, planes[:, 3].long() if self.masks else None

    def fill(self, workers: int, report: Callable[[int], None]) -> None:
        """Read all images that will be kept by so many processes at once, and report how many are there."""
        missing = np.flatnonzero(~self.cached.numpy()).tolist()
        slices = [missing[i : i + READ_AT_ONCE] for i in range(0, len(missing), READ_AT_ONCE)]
        reading = SliceReader(self.split, self.size, self.masks, slices)
        for rows, planes, hashes in DataLoader(reading, None, num_workers=workers, collate_fn=_as_read):
            self.bytes[rows], self.cached[rows] = planes, True
            self.hash[rows], self.hashed[rows] = hashes, True
            report(int(self.cached.sum()))

    def hashes(self, first: int, last: int) -> Hashes:
        """Perceptual hashes of the images that stand between two positions; what this stream has not read, it reads."""
        epoch, start = divmod(first, len(self))
        orders = np.concatenate([self._order(epoch + later) for later in range(3)])
        rows = np.unique(orders[start:][: min(last - first, 2 * len(self))])  # in twice its length everything stands
        missing = rows[~self.hashed[rows]]
        for place in range(0, len(missing), self.batch):
            self._planes(torch.from_numpy(missing[place : place + self.batch]))
        return np.asarray(self.hash[rows], dtype=np.uint64)

    def _epochs(self, position: int) -> range:
        """The epochs that the batch at `position` touches."""
        return range(position // len(self), (position + self.batch - 1) // len(self) + 1)

    def _order(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch]).permutation(len(self))

    def _read(self, rows: Tensor) -> Tensor:
        if not len(self.bytes):
            return self._planes(rows)
        missing = rows[~self.cached[rows]].unique()
        if len(missing):
            self.bytes[missing] = self._planes(missing)
            self.cached[missing] = True
        return self.bytes[rows]

    def _planes(self, rows: Tensor) -> Tensor:
        """Images and masks of the split as bytes (n, 3 or 4, size, size)."""
        indices, planes, hashes = SliceReader(self.split, self.size, self.masks, [rows.tolist()])[0]
        self.hash[indices], self.hashed[indices] = hashes, True
        return planes
