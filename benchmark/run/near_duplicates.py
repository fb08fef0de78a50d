"""Finds near-duplicate images by perceptual hash."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
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
DIGITS = BITS // 4
"""Hexadecimal digits of a hash."""


@dataclass(frozen=True)
class HashedImages:
    """The perceptual hashes of some images and of their mirror images, by name."""

    names: tuple[str, ...]
    hashes: Hashes
    mirrored: Hashes = field(default_factory=lambda: np.empty(0, dtype=np.uint64))
    """None of those that others are compared with."""

    @classmethod
    def of(cls, names: Iterable[str], digits: Iterable[str]) -> HashedImages:
        """From what `digits` gives of each."""
        both = np.array([[int(d[:DIGITS], 16), int(d[DIGITS:], 16)] for d in digits], dtype=np.uint64)
        return cls(tuple(names), *both.reshape(-1, 2).T)

    @property
    def digits(self) -> list[str]:
        """Of each image the hexadecimal digits of its hash, and behind them those of its mirror image's."""
        both = zip(self.hashes, self.mirrored, strict=True)
        return [f"{int(one):0{DIGITS}x}{int(other):0{DIGITS}x}" for one, other in both]


class NearDuplicate(NamedTuple):
    """A pair of near-duplicate images."""

    test: str
    other: str
    distance: int
    """Bits of the hash that differ."""
    mirrored: bool = False
    """Whether the one looks like the mirror image of the other."""


def hash_images(task: SegmentationTask, split: Split, rows: Sequence[int], fit: str = "") -> HashedImages:
    """The hashes of the images of a task at `rows` of a split; those of files that have not changed are remembered."""

    def look(some: list[int]) -> list[tuple[str]]:
        images = split.images(some, SIDE).numpy()
        seen = HashedImages((), perceptual_hash(images), perceptual_hash(images[..., ::-1]))
        return [(digits,) for digits in seen.digits]

    code = file_hash(Path(inspect.getfile(distances)))  # what other code came to is not remembered
    memory = task.memory(f"digits of perceptual hashes {code}", fit or task.dataset.fit)
    found = memory.of(split, [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)], look)
    return HashedImages.of(map(split.name, rows), (digits for (digits,) in found))


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
    """The pairs of a test image, or its mirror image, and another that differ in few bits, nearest first.

    Of an image and itself, and of an image under the same name in both, nothing is said here: names say it.
    """
    nearest: dict[tuple[int, int], NearDuplicate] = {}
    for mirrored, hashes in ((False, test.hashes), (True, test.mirrored)):
        for i, (name, one) in enumerate(zip(test.names, hashes, strict=True)):
            apart = distances(one, others.hashes)
            near = np.flatnonzero(apart <= NEAR)
            for j in near[near > i] if others is test else near:
                pair = NearDuplicate(name, others.names[j], int(apart[j]), mirrored)
                if pair.other != name and ((i, j) not in nearest or pair.distance < nearest[i, j].distance):
                    nearest[i, j] = pair
    return sorted(nearest.values(), key=lambda pair: pair.distance)


def describe(pairs: Sequence[NearDuplicate]) -> tuple[str, ...]:
    """Each pair in a few words, and how many there are beyond those that are told."""
    texts = tuple(
        f"{pair.test} and {pair.other}{', mirrored' if pair.mirrored else ''} ({pair.distance} of {BITS} bits differ)"
        for pair in pairs[:TOLD]
    )
    return texts + ((f"and {len(pairs) - TOLD} more pairs",) if len(pairs) > TOLD else ())
