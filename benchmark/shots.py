"""Draws of shots: which annotated images a head sees, the same for every backbone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Manifest:
    """The draws of one run; with k shots a head sees the first k images of a draw."""

    draws: tuple[tuple[int, ...], ...]
    """Indices into the pool, one tuple per draw."""
    names: tuple[tuple[str, ...], ...]
    """The same images by name."""

    @property
    def hash(self) -> str:
        """Tells these draws from every other, by the names of their images."""
        return hashlib.sha256(json.dumps(self.names).encode()).hexdigest()[:16]

    def shots(self, draw: int, count: int) -> tuple[int, ...]:
        return self.draws[draw][:count]


def draw_shots(present: Sequence[frozenset[int]], shots: int, draws: int, seed: int) -> list[tuple[int, ...]]:
    """`draws` random orders of `shots` images from a pool whose image i shows the classes `present[i]`.

    The first image of a draw is one of those that show the most classes: who may annotate a single picture
    picks one where every part can be seen. The draws take different first images while there are any.
    """
    if shots > len(present):
        raise ValueError(f"{shots} shots cannot be drawn from a pool of {len(present)} images; add images or ask for less")
    most = max(len(classes) for classes in present)
    complete = [i for i, classes in enumerate(present) if len(classes) == most]
    random = np.random.default_rng(seed)
    firsts = np.concatenate([random.permutation(complete) for _ in range(-(-draws // len(complete)))])
    return [_one_draw(int(first), len(present), shots, random) for first in firsts[:draws]]


def _one_draw(first: int, pool: int, shots: int, random: np.random.Generator) -> tuple[int, ...]:
    others = random.permutation([i for i in range(pool) if i != first])
    return (first, *(int(i) for i in others[: shots - 1]))
