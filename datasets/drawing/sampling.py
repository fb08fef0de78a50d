"""Samples random parameters of drawn images in batches: row i depends on seed i alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
"""Of float32 throughout; the annotation is wider because numpy's types do not follow arithmetic."""


class ParameterSampler:
    """One row of `throws` uniform numbers per seed; each call takes the next columns and gives (N, 1, 1) float32.

    A `salt` tells a dataset's dice from those that another throws from the same seeds.
    """

    def __init__(self, seeds: Sequence[int], throws: int, salt: int | None = None) -> None:
        keys = [int(seed) if salt is None else (salt, int(seed)) for seed in seeds]
        self._throws = np.stack([np.random.default_rng(key).random(throws, dtype=np.float32) for key in keys])
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

    def normal(self, sd: float, limit: float) -> Array:
        """Normal around 0, clipped to [-limit, limit]."""
        radius = np.sqrt(-2 * np.log1p(-self.unit()))
        value: Array = np.clip(sd * radius * np.cos(2 * np.pi * self.unit()), -limit, limit)
        return value

    def chance(self, probability: float) -> Array:
        """1 with this probability, else 0."""
        return (self.unit() < probability).astype(np.float32)

    def choice(self, shares: Sequence[float]) -> npt.NDArray[np.int64]:
        """Which of the kinds, by their shares, (N,)."""
        edges = np.cumsum(np.asarray(shares, np.float32))[:-1] / np.float32(sum(shares))
        return np.searchsorted(edges, self.unit()[:, 0, 0], side="right")

    def mixture(self, anchors: Sequence[Sequence[float]]) -> Array:
        """A colour between two neighbouring anchors, (N, 3, 1, 1) in [0, 1]."""
        table = np.asarray(anchors, np.float32)
        at = self.unit()[:, 0, 0] * (len(table) - 1)
        low = np.minimum(at.astype(np.int64), len(table) - 2)
        part = (at - low)[:, None].astype(np.float32)
        mixed: Array = table[low] * (1 - part) + table[low + 1] * part
        return mixed[:, :, None, None]

    def colour(self, low: float, high: float) -> Array:
        """A colour with independent channels, (N, 3, 1, 1)."""
        return np.concatenate([self.uniform(low, high) for _ in range(3)], axis=1)[..., None]


def pick(gate: Array, yes: Array, no: Array) -> Array:
    """`yes` where the gate is 1, `no` where it is 0; a gate (N, 1, 1) also picks between colours."""
    shaped = gate.reshape(-1, *[1] * (yes.ndim - 1))
    return np.where(shaped > 0.5, yes, no).astype(np.float32)
