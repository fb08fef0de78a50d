"""Finds near-duplicate images by perceptual hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...datasets.dataset import FITS, KeepsShape, Split
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


def hash_images(split: Split, rows: Sequence[int]) -> HashedImages:
    """The hashes of the images at `rows`."""
    names: list[str] = []
    hashes: list[Hashes] = [np.empty(0, dtype=np.uint64)]
    for start in range(0, len(rows), AT_ONCE):
        some = list(rows[start : start + AT_ONCE])
        hashes.append(perceptual_hash(split.images(some, SIDE).numpy()))
        names += [split.name(i) for i in some]
    return HashedImages(tuple(names), np.concatenate(hashes))


@dataclass(frozen=True)
class Looks:
    """The test images of a task, as squares of its own fit and of the others."""

    task: SegmentationTask
    test: HashedImages

    @cached_property
    def all_fits(self) -> tuple[HashedImages, ...]:
        """Nobody knows with which fit a backbone saw its pretraining images."""
        split, fit = self.task.scored, self.task.dataset.fit
        others = [split.fitted(other) for other in FITS if other != fit] if isinstance(split, KeepsShape) else []
        return self.test, *(hash_images(other, self.task.test) for other in others)


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
