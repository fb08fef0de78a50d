"""Draws of shots: which annotated images a head sees, the same for every backbone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import UserError


class ShotsError(UserError):
    """Shots that cannot be drawn, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class ShotDraws:
    """The draws of one run; with k shots a head sees the first k images of a draw."""

    draws: tuple[tuple[int, ...], ...]
    """Indices into the pool, one tuple per draw."""
    names: tuple[tuple[str, ...], ...]
    """The same images by name."""

    @property
    def hash(self) -> str:
        """Tells these draws from every other, by the names of their images."""
        return hashlib.sha256(json.dumps(self.names).encode()).hexdigest()[:16]

    def seen(self, draw: int, count: int) -> str:
        """A hash of the images that a head sees with `count` shots of a draw."""
        return ShotDraws((self.shots(draw, count),), (self.names[draw][:count],)).hash

    def shots(self, draw: int, count: int) -> tuple[int, ...]:
        """Indices of the first `count` images of a draw."""
        return self.draws[draw][:count]


def draw_shots(present: Sequence[frozenset[int]], shots: int, draws: int, seed: int) -> list[tuple[int, ...]]:
    """`draws` random orders of `shots` images from a pool whose image i shows the classes `present[i]`.

    The first image of a draw is one of those that show the most classes: who may annotate a single picture
    picks one where every part can be seen. The draws take different first images while there are any.
    More draws or more shots leave those that there were as they are, so that a run can be added to.
    """
    if shots > len(present):
        pool = f"a pool of {len(present)} images"
        raise ShotsError(f"{shots} shots cannot be drawn from {pool}; add images or ask for less")
    most = max(len(classes) for classes in present)
    complete = [i for i, classes in enumerate(present) if len(classes) == most]
    return [_one_draw(complete, len(present), shots, draw, seed) for draw in range(draws)]


def _one_draw(complete: Sequence[int], pool: int, shots: int, draw: int, seed: int) -> tuple[int, ...]:
    """Draw number `draw`, from random numbers of its own."""
    again, place = divmod(draw, len(complete))
    first = int(_random(seed, 0, again).permutation(complete)[place])
    others = _random(seed, 1, draw).permutation([i for i in range(pool) if i != first])
    return (first, *(int(i) for i in others[: shots - 1]))


def _random(seed: int, *purpose: int) -> np.random.Generator:
    return np.random.default_rng([abs(seed), int(seed < 0), *purpose])
