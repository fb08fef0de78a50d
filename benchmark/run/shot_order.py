"""The order in which a head sees its shots, and at which pixels: decided by its seed alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class ShotOrder:
    """Every shot once an epoch, in an order that is drawn anew for each."""

    shots: int
    pixels: int | None
    """Pixels of an image that a head sees at a step; None: all."""
    size: int
    """Side of an image."""
    seed: int
    _shuffles: torch.Generator = field(init=False)
    _draws: torch.Generator = field(init=False)
    _left: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._shuffles, self._draws = torch.Generator().manual_seed(self.seed), torch.Generator().manual_seed(self.seed)

    def take(self, steps: int) -> tuple[list[int], Tensor | None]:
        """The shots of the next steps, and the pixels (steps, P) of each, flat indices."""
        epochs = math.ceil(max(0, steps - len(self._left)) / self.shots)
        self._left += torch.rand(epochs, self.shots, generator=self._shuffles).argsort(1).flatten().tolist()
        shots, self._left = self._left[:steps], self._left[steps:]
        if self.pixels is None:
            return shots, None
        return shots, torch.randint(self.size**2, (steps, self.pixels), generator=self._draws)
