"""The splits: ranges of seeds that cannot meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..dataset import DatasetError, Splits
from .render import render


@dataclass(frozen=True)
class Faces:
    """Faces of consecutive seeds; the seed is the face's name."""

    seeds: range
    labelled: bool = True

    def __len__(self) -> int:
        return len(self.seeds)

    def name(self, index: int) -> str:
        """The seed in seven digits."""
        return f"{self.seeds[index]:07d}"

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The faces at `indices`, (N, 3, size, size) float32 in [0, 1]."""
        return torch.from_numpy(render(self._seeds(indices), size)[0])

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """The class at each pixel's centre, (N, size, size) int64."""
        if not self.labelled:
            raise DatasetError("the split 'unlabelled' of faces has no masks; draw them from pool, validation or test")
        return torch.from_numpy(render(self._seeds(indices), size)[1].astype(np.int64))

    def _seeds(self, indices: Sequence[int]) -> list[int]:
        return [self.seeds[int(index)] for index in indices]


def open_splits() -> Splits:
    """A thousand faces each for pool, validation and test, and a million more without masks."""
    return Splits(
        pool=Faces(range(1_000)),
        validation=Faces(range(1_000, 2_000)),
        test=Faces(range(2_000, 3_000)),
        unlabelled=Faces(range(1_000_000, 2_000_000), labelled=False),
    )
