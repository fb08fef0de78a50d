"""Feature maps of shots, cached as far as memory allows and recomputed beyond."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ...backbones.backbone import Codes
from ...datasets.dataset import Split
from ..machine import SHARE
from .features import FeatureSource


@dataclass
class ShotMaps:
    """Maps of the images that draws use, in the slices in which they are described.

    Described again they are the same bits, so that a score does not depend on how many are held.
    """

    source: FeatureSource
    pool: Split
    slices: Sequence[list[int]]
    """Rows of the pool."""
    report: Callable[[list[int]], None] = lambda rows: None
    """Hears of every slice that is described first."""
    held: dict[int, list[Tensor]] = field(default_factory=dict)
    """Maps by number of slice."""
    entered: dict[int, tuple[Tensor, Codes | None]] = field(default_factory=dict)
    """Images, and codes where the backbone has them, of the slices that may have to be described again."""
    wanted: Collection[int] = ()
    """Slices that do not make way for others."""

    def __post_init__(self) -> None:
        left = self.source.room.left() if self.source.room else None
        self.most = None if left is None else int(SHARE * left)
        self.where = {row: (n, i) for n, rows in enumerate(self.slices) for i, row in enumerate(rows)}

    def enter(self) -> None:
        """Invert every image that is to be inverted, and describe those that fit; else each is when it is read."""
        full, self.wanted = False, range(len(self.slices))
        for number, rows in enumerate(self.slices):
            images = self.pool.images(rows, self.source.backbone.size)
            codes = self.source.codes
            self.entered[number] = images, codes.read(images)[0] if full and codes else None
            full = full or not self._cache(number, self.source.maps(images))
            self.report(rows)

    def want(self, rows: Collection[int]) -> None:
        """Name the images that are read next, as long as no others are named."""
        self.wanted = {self.where[row][0] for row in rows}

    def of(self, row: int) -> list[Tensor]:
        """Maps (1, C_i, h_i, w_i) of one image of the pool."""
        number, place = self.where[row]
        maps = self.held.get(number)
        if maps is None:
            maps = self.source.maps(*self.entered[number]) if number in self.entered else self._enter(number)
            self._cache(number, maps)
        return [layer[place : place + 1] for layer in maps]

    def _enter(self, number: int) -> list[Tensor]:
        """Maps of a slice that was not described before."""
        images = self.pool.images(self.slices[number], self.source.backbone.size)
        maps, codes = self.source.enter(images)
        self.entered[number] = images, codes
        self.report(self.slices[number])
        return self.source.scaled(maps)

    def _cache(self, number: int, maps: list[Tensor]) -> bool:
        """Cache the maps of a slice if they fit; those not wanted now make room."""
        if self.most is not None:
            for idle in [n for n in self.held if n not in self.wanted]:
                if self._bytes(maps) <= self.most:
                    break
                del self.held[idle]
            if self._bytes(maps) > self.most:
                return False
        self.held[number] = maps
        return True

    def _bytes(self, more: list[Tensor]) -> int:
        """Of all maps that are held, and of some more."""
        return sum(m.nbytes for maps in (*self.held.values(), more) for m in maps)
