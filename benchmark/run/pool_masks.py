"""The masks that heads learn from: many cells have the same shots, and a mask takes as long to read as an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...datasets.dataset import IGNORE, Split
from ..machine import slices


@dataclass(frozen=True)
class PoolMasks:
    """The masks of a split at one size: those of shots are read once and kept, as a byte a pixel."""

    split: Split
    size: int
    kept: dict[int, Tensor] = field(default_factory=dict)
    """(S, S) uint8 by row."""
    shown: dict[int, frozenset[int]] = field(default_factory=dict)
    """The classes in each, by row."""

    def classes(self, rows: Sequence[int]) -> list[frozenset[int]]:
        """The classes that each of these images shows; their masks are not kept."""
        for few in slices([row for row in rows if row not in self.shown], self.size):
            masks = self.split.masks(few, self.size)
            self.shown.update(
                (row, frozenset(m.unique().tolist()) - {IGNORE}) for row, m in zip(few, masks, strict=True)
            )
        return [self.shown[row] for row in rows]

    def of(self, rows: Sequence[int]) -> Tensor:
        """Masks (n, S, S) int64 of shots."""
        missing = [row for row in dict.fromkeys(rows) if row not in self.kept]
        if missing:
            masks = self.split.masks(missing, self.size)
            if not torch.equal(
                masks.byte().long(), masks.long()
            ):  # no mask that a dataset may give: whoever learns will say
                return self.split.masks(list(rows), self.size)
            self.kept.update(zip(missing, masks.byte(), strict=True))
        return torch.stack([self.kept[row] for row in rows]).long()
