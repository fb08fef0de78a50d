"""The stream of images that a training sees: seeded, without end, the same again from any position."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..datasets.dataset import DatasetError, Split

CACHE = 4 * 2**30
"""Most bytes of images kept in memory."""


class ImageStream:
    """Batches of a split's first `limit` images in seeded random order without end.

    Where they fit into `CACHE` bytes, every image is read once and kept.
    """

    def __init__(
        self, split: Split, size: int, batch: int, seed: int, mirror: bool = False, limit: int | None = None
    ) -> None:
        self.split, self.size, self.batch, self.seed, self.mirror = split, size, batch, seed, mirror
        self.count = len(split) if limit is None else min(len(split), limit)
        if self.count < 1:
            raise DatasetError(f"{self.count} of {len(split)} images leave nothing to learn from; raise --limit")
        kept = self.count if self.count * 3 * size * size <= CACHE else 0
        self.bytes = torch.empty(kept, 3, size, size, dtype=torch.uint8)
        self.known = torch.zeros(kept, dtype=torch.bool)

    def __len__(self) -> int:
        return self.count

    def at(self, position: int) -> Tensor:
        """The batch (batch, 3, size, size) in [0, 1] that stands `position` images into the stream."""
        rows = np.concatenate([self._order(epoch) for epoch in self._epochs(position)])
        start = position % len(self)
        rows = rows[start : start + self.batch]
        images = self._read(torch.from_numpy(rows))
        if not self.mirror:
            return images
        flips = torch.from_numpy(np.random.default_rng([self.seed, 1, position]).random(len(rows)) < 0.5)
        return torch.where(flips[:, None, None, None], images.flip(3), images)

    def _epochs(self, position: int) -> range:
        """The epochs that the batch at `position` touches."""
        return range(position // len(self), (position + self.batch - 1) // len(self) + 1)

    def _order(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch]).permutation(len(self))

    def _read(self, rows: Tensor) -> Tensor:
        if not len(self.bytes):
            return self.split.images(rows.tolist(), self.size)
        missing = rows[~self.known[rows]].unique()
        if len(missing):
            fresh = self.split.images(missing.tolist(), self.size)
            self.bytes[missing] = (fresh * 255).round().clamp(0, 255).to(torch.uint8)
            self.known[missing] = True
        return self.bytes[rows].float() / 255
