"""Times the stages of one batch: an image becomes a code, a code becomes maps, an image becomes maps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ...backbones.backbone import Extractor, Inverts, Stepwise
from ..machine import PeakMemory, synchronise
from .device_peaks import DevicePeaks

INVERT, MAPS, ALL = "invert", "maps", "all"
FEW, MOST = 3, 200
"""Timed calls of which percentiles are said, and of a stage at most."""

Work = Mapping[str, Callable[[], object]]
"""What is called one after the other, by stage."""


@dataclass(frozen=True)
class Timing:
    """One stage at one batch in one number format."""

    stage: str
    batch: int
    precision: str = "float32"
    seconds: tuple[float, ...] = ()
    """Of every timed call."""
    flops: int | None = None
    """Of one call, as torch counts them: two per multiplication and addition."""
    memory: int | None = None
    """Bytes beyond what was held before, at the highest of the first call."""
    error: str | None = None
    late: bool = False
    """Whether the error is that there was too little time."""

    @property
    def images_per_second(self) -> float:
        """By the median call."""
        return self.batch / self.latency(50)

    def latency(self, percentile: float) -> float:
        """Seconds of a call; NaN where there are too few calls for a percentile that is not the median."""
        enough = self.seconds and (percentile == 50 or len(self.seconds) >= FEW)
        return float(np.percentile(self.seconds, percentile)) if enough else float("nan")

    def share(self, peaks: DevicePeaks) -> float | None:
        """Of the machine's peak in operations per second; None where none are counted."""
        return self.flops / self.latency(50) / peaks.flops if self.flops and self.seconds else None


def operation_counter() -> FlopCounterMode:
    """Counts the operations of what runs within it."""
    return FlopCounterMode(display=False)


class NotInTime(Exception):
    """A batch that would take longer than there is time for."""


@dataclass
class StageClock:
    """Times the stages of an extractor on one batch of images."""

    extractor: Extractor
    images: Tensor
    codes: Any = field(default=None, init=False)

    @property
    def device(self) -> torch.device:
        return self.images.device

    @property
    def work(self) -> Work:
        """What is timed, in order; the maps of a generator come from the codes before them."""
        extractor, images = self.extractor, self.images
        if not isinstance(extractor, Inverts):
            return {ALL: lambda: extractor(images)}

        def invert() -> None:
            self.codes = extractor.invert(images)

        return {INVERT: invert, MAPS: lambda: extractor.maps(self.codes)}

    def timings(self, seconds: float, left: float) -> list[Timing]:
        """Every stage, timed for about so many seconds; `NotInTime` if the calls that it takes exceed those `left`."""
        self._check(left)
        memory, flops, first = [], [], 0.0
        for work in self.work.values():
            start = time.perf_counter()
            highest, count = self._look(work)
            memory.append(highest)
            flops.append(count)
            first += time.perf_counter() - start
        passes = list(self._passes(seconds, max(0.0, left - first)))
        return self._sum_up(passes, flops, memory)

    def _check(self, left: float) -> None:
        """Reckon a long inversion from its first steps: it is called once to warm up, and once to be timed."""
        extractor = self.extractor
        if not isinstance(extractor, Stepwise) or extractor.steps <= FEW:
            return
        extractor.attempt(self.images, 1)
        few = self._seconds(lambda: extractor.attempt(self.images, FEW))
        whole = 2 * few / FEW * extractor.steps
        if whole > left:
            raise NotInTime(f"it takes up to {whole:.0f} s, and {max(0.0, left):.0f} are left; raise --seconds")

    def _look(self, work: Callable[[], object]) -> tuple[int | None, int | None]:
        """The first call: what it holds at the highest, and how many operations it counts."""
        memory, counter = PeakMemory(self.device), operation_counter()
        memory.start()
        with counter:
            work()
        synchronise(self.device)
        return memory.read(), counter.get_total_flops() or None

    def _passes(self, seconds: float, left: float) -> Iterator[list[float]]:
        """Seconds of every stage, pass by pass: one at least, three if there is time, more while they are few."""
        total, passes = 0.0, 0
        while not passes or (total < seconds and passes < MOST) or (passes < FEW and total * 2 < left):
            spent = [self._seconds(work) for work in self.work.values()]
            total, passes = total + sum(spent), passes + 1
            yield spent

    def _seconds(self, work: Callable[[], object]) -> float:
        synchronise(self.device)
        start = time.perf_counter()
        work()
        synchronise(self.device)
        return time.perf_counter() - start

    def _sum_up(
        self, passes: Sequence[Sequence[float]], flops: Sequence[int | None], memory: Sequence[int | None]
    ) -> list[Timing]:
        """A timing of each stage, and where there are two, of both together."""
        batch = len(self.images)
        columns = [tuple(column) for column in zip(*passes, strict=True)]
        parts = zip(self.work, columns, flops, memory, strict=True)
        found = [Timing(s, batch, seconds=column, flops=f, memory=m) for s, column, f, m in parts]
        if len(found) == 1:
            return found
        both = sum(f or 0 for f in flops) or None, max((m for m in memory if m is not None), default=None)
        return [*found, Timing(ALL, batch, seconds=tuple(map(sum, passes)), flops=both[0], memory=both[1])]
