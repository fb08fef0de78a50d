"""Finds near-duplicate images by perceptual hash."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...datasets.dataset import FITS, KeepsShape, Split
from ..file_hashes import file_hash
from ..pretrain.perceptual_hash import BITS, NEAR, SIDE, Hashes, distances, perceptual_hash

if TYPE_CHECKING:
    from .task import SegmentationTask

AT_ONCE = 16
"""Images that are read together."""
TOLD = 1000
"""Most pairs that are told."""


@dataclass(frozen=True)
class HashedImages:
    """The perceptual hashes of some images, by name."""

    names: tuple[str, ...]
    hashes: Hashes


class NearDuplicate(NamedTuple):
    """A pair of near-duplicate images."""

    test: str
    other: str
    distance: int
    """Bits of the hash that differ."""


def hash_images(task: SegmentationTask, split: Split, rows: Sequence[int], fit: str = "") -> HashedImages:
    """The hashes of the images of a task at `rows` of a split; those of files that have not changed are remembered."""

    def look(some: list[int]) -> list[tuple[str]]:
        return [(f"{int(one):016x}",) for one in perceptual_hash(split.images(some, SIDE).numpy())]

    code = file_hash(Path(inspect.getfile(distances)))  # what other code came to is not remembered
    memory = task.memory(f"perceptual hash {code}", fit or task.dataset.fit)
    found = memory.of(split, [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)], look)
    hashes = np.array([int(one, 16) for (one,) in found], dtype=np.uint64)
    return HashedImages(tuple(map(split.name, rows)), hashes)


@dataclass(frozen=True)
class Looks:
    """The test images of a task, as squares of its own fit and of the others."""

    task: SegmentationTask
    test: HashedImages

    @cached_property
    def all_fits(self) -> tuple[HashedImages, ...]:
        """Nobody knows with which fit a backbone saw its pretraining images."""
        split, fit = self.task.scored, self.task.dataset.fit
        if not isinstance(split, KeepsShape):
            return (self.test,)
        others = {other: split.fitted(other) for other in FITS if other != fit}
        return self.test, *(hash_images(self.task, one, self.task.test, other) for other, one in others.items())


def look_alikes(test: HashedImages, others: HashedImages) -> list[NearDuplicate]:
    """The pairs of a test image and another that differ in few bits, nearest first.

    Of an image and itself, and of an image under the same name in both, nothing is said here: names say it.
    """
    pairs = []
    for i, (name, one) in enumerate(zip(test.names, test.hashes, strict=True)):
        apart = distances(one, others.hashes)
        near = np.flatnonzero(apart <= NEAR)
        chosen = near[near > i] if others is test else near
        pairs += [NearDuplicate(name, others.names[j], int(apart[j])) for j in chosen if others.names[j] != name]
    return sorted(pairs, key=lambda pair: pair.distance)


def describe(pairs: Sequence[NearDuplicate]) -> tuple[str, ...]:
    """Each pair in a few words, and how many there are beyond those that are told."""
    texts = tuple(f"{pair.test} and {pair.other} ({pair.distance} of {BITS} bits differ)" for pair in pairs[:TOLD])
    return texts + ((f"and {len(pairs) - TOLD} more pairs",) if len(pairs) > TOLD else ())
