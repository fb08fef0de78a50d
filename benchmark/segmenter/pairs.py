"""Pairs to learn from: pictures and what each of their pixels is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Pairs(Protocol):
    """Pictures with their targets, read by index."""

    def __len__(self) -> int: ...

    def read(self, rows: Sequence[int], /) -> tuple[Tensor, Tensor]:
        """Images (n, 3, S, S) in [0, 1]; masks (n, S, S) int64, or logits (n, K, S, S)."""


@dataclass(frozen=True)
class TensorPairs:
    """Pairs that lie in memory."""

    images: Tensor
    """(N, 3, S, S): uint8, or floats in [0, 1]."""
    targets: Tensor
    """Masks (N, S, S) of integers, or logits (N, K, S, S) of floats."""

    def __len__(self) -> int:
        return len(self.images)

    def read(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(rows)
        return as_floats(self.images[chosen]), as_targets(self.targets[chosen])


def as_floats(images: Tensor) -> Tensor:
    """Images in [0, 1], of bytes or of any floats."""
    return images.float() if images.is_floating_point() else images.float() / 255


def as_targets(targets: Tensor) -> Tensor:
    """Masks as int64, logits as float32."""
    return targets.float() if targets.is_floating_point() else targets.long()
