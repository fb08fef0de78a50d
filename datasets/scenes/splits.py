"""The splits: ranges of seeds that cannot meet, all of them with masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..dataset import Splits
from .render import contours, label, render


@dataclass(frozen=True)
class Scenes:
    """Scenes of consecutive seeds; the seed is the scene's name."""

    seeds: range

    def __len__(self) -> int:
        return len(self.seeds)

    def name(self, index: int) -> str:
        """The seed in seven digits."""
        return f"{self.seeds[index]:07d}"

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The scenes at `indices`, (N, 3, size, size) float32 in [0, 1]."""
        return torch.from_numpy(render(self._seeds(indices), size))

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """1 on contours and 0 elsewhere, (N, size, size) int64."""
        return torch.from_numpy(contours(label(self._seeds(indices), size)).astype(np.int64))

    def _seeds(self, indices: Sequence[int]) -> list[int]:
        return [self.seeds[int(index)] for index in indices]


def open_splits() -> Splits:
    """A thousand scenes each for pool, validation and test, and a million more to train on."""
    return Splits(
        pool=Scenes(range(1_000)),
        validation=Scenes(range(1_000, 2_000)),
        test=Scenes(range(2_000, 3_000)),
        unlabelled=Scenes(range(1_000_000, 2_000_000)),
    )
