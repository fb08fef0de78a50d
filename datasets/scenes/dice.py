"""Random parameters of many scenes at once: row i depends on seed i alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
"""Of float32 throughout; the annotation is wider because numpy's types do not follow arithmetic."""

THROWS = 512
"""Uniform numbers drawn per scene; every parameter takes the next column."""
SALT = 15
"""Stands before the seed, so that no other dataset of ours throws the same dice (HED is of 2015)."""


class Dice:
    """One row of uniform numbers per seed; each call takes the next columns and gives (N, 1, 1) float32."""

    def __init__(self, seeds: Sequence[int]) -> None:
        rows = [np.random.default_rng((SALT, int(seed))).random(THROWS, dtype=np.float32) for seed in seeds]
        self._throws = np.stack(rows)
        self._next = 0

    def unit(self) -> Array:
        """Uniform in [0, 1)."""
        column: Array = self._throws[:, self._next, None, None]
        self._next += 1
        return column

    def uniform(self, low: float, high: float) -> Array:
        """Uniform in [low, high)."""
        value: Array = low + (high - low) * self.unit()
        return value

    def log_uniform(self, low: float, high: float) -> Array:
        """Between `low` and `high`, each doubling as likely as the next."""
        value: Array = low * np.exp(np.float32(np.log(high / low)) * self.unit())
        return value

    def chance(self, probability: float) -> Array:
        """1 with this probability, else 0."""
        return (self.unit() < probability).astype(np.float32)

    def choice(self, shares: Sequence[float]) -> npt.NDArray[np.int64]:
        """Which of the kinds, by their shares, (N,)."""
        edges = np.cumsum(np.asarray(shares, np.float32))[:-1] / np.float32(sum(shares))
        return np.searchsorted(edges, self.unit()[:, 0, 0], side="right")

    def colour(self, low: float = 0.05, high: float = 0.95) -> Array:
        """A colour with independent channels, (N, 3, 1, 1)."""
        return np.concatenate([self.uniform(low, high) for _ in range(3)], axis=1)[..., None]
