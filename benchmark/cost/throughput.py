"""How fast a backbone describes images: every stage that a score needs, a batch at a time.

A stage is warmed up, then timed call by call with the device synchronised; a figure names its batch, and a batch that
does not fit is an error of its own, never a smaller one in disguise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ... import one_line
from ...backbones.backbone import Backbone, Extractor, Inverts
from ..machine import PeakMemory, synchronise
from ..plugins.calls import plugin_call
from .device_peaks import DevicePeaks

INVERT, MAPS, ALL = "invert", "maps", "all"
"""Stages: an image becomes a code, a code becomes maps, an image becomes maps."""
FEWEST, MOST = 3, 200
"""Timed calls of a stage."""
SEED = 0


@dataclass(frozen=True)
class Options:
    """How a backbone is run; part of every figure."""

    device: torch.device
    batches: tuple[int, ...] = (1, 8)
    seconds: float = 2.0
    """Timed per stage and batch, unless fewer than three calls fit."""
    channels_last: bool = False
    bf16: bool = False
    compile: bool = False

    def context(self) -> AbstractContextManager[object]:
        """bfloat16 where it is asked for."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()

    def facts(self) -> dict[str, Any]:
        """As they stand beside a figure."""
        return {"channels_last": self.channels_last, "bf16": self.bf16, "compile": self.compile}


@dataclass(frozen=True)
class Timing:
    """One stage at one batch."""

    stage: str
    batch: int
    seconds: tuple[float, ...] = ()
    """Of every timed call."""
    flops: int | None = None
    """Of one call, as torch counts them: two per multiplication and addition."""
    memory: int | None = None
    """Bytes beyond what was held before, at the highest of the first call."""
    error: str | None = None

    @property
    def images_per_second(self) -> float:
        """By the median call."""
        return self.batch / self.latency(50)

    def latency(self, percentile: float) -> float:
        """Seconds of a call."""
        return float(np.percentile(self.seconds, percentile)) if self.seconds else float("nan")

    def share(self, peaks: DevicePeaks) -> float | None:
        """Of the machine's peak in operations per second; None where none are counted."""
        return self.flops / self.latency(50) / peaks.flops if self.flops and self.seconds else None


@dataclass(frozen=True)
class Throughput:
    """A backbone's speed, stage by stage."""

    backbone: str
    provider: str
    parameters: int | None
    load: float
    """Seconds to read the weights."""
    timings: tuple[Timing, ...] = ()
    error: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def measure(backbone: Backbone, provider: str, options: Options) -> Iterator[Throughput]:
    """Load a backbone and time its stages: all that is known of it, after each; what it raises is kept as its error."""
    start = time.perf_counter()
    found = Throughput(backbone.name, provider, None, 0.0, options=options.facts())
    try:
        with plugin_call(backbone.name):
            extractor = prepare(backbone.load(), options)
        found = replace(found, load=time.perf_counter() - start, parameters=parameters(extractor))
        for batch in options.batches:
            for timing in _stages(backbone, extractor, batch, options):
                found = replace(found, timings=(*found.timings, timing))
                yield found
    except Exception as error:  # whatever a plugin raises, the others are measured
        yield replace(found, load=found.load or time.perf_counter() - start, error=one_line(error))


def prepare(extractor: Extractor, options: Options) -> Extractor:
    """On its device, in the layout and compiled as asked."""
    if isinstance(extractor, nn.Module):
        extractor.to(options.device).eval()
        if options.channels_last:
            extractor.to(memory_format=torch.channels_last)
        if options.compile:
            extractor.compile()
    return extractor


def parameters(extractor: Extractor) -> int | None:
    """Numbers that were learnt; None of what is no torch module."""
    return sum(p.numel() for p in extractor.parameters()) if isinstance(extractor, nn.Module) else None


def pictures(batch: int, size: int, options: Options) -> Tensor:
    """Images (batch, 3, size, size) in [0, 1], always the same: smooth, as a photograph is."""
    random = torch.Generator().manual_seed(SEED)
    coarse = torch.rand(batch, 3, 8, 8, generator=random)
    images = nn.functional.interpolate(coarse, (size, size), mode="bilinear").to(options.device)
    return images.contiguous(memory_format=torch.channels_last) if options.channels_last else images


def _stages(backbone: Backbone, extractor: Extractor, batch: int, options: Options) -> Iterator[Timing]:
    images = pictures(batch, backbone.size, options)
    if not isinstance(extractor, Inverts):
        yield _timing(backbone, ALL, batch, lambda: extractor(images), options)
        return
    inverting = _timing(backbone, INVERT, batch, lambda: extractor.invert(images), options)
    yield inverting
    if inverting.error is None:
        with plugin_call(backbone.name), options.context():
            codes = extractor.invert(images)
        yield _timing(backbone, MAPS, batch, lambda: extractor.maps(codes), options)
        yield _timing(backbone, ALL, batch, lambda: extractor.maps(extractor.invert(images)), options)


def _timing(backbone: Backbone, stage: str, batch: int, work: Callable[[], object], options: Options) -> Timing:
    """Once to warm up and see the memory, once to count operations, then as often as the time allows."""
    memory, counter = PeakMemory(options.device), FlopCounterMode(display=False)
    try:
        with plugin_call(backbone.name), torch.no_grad(), options.context():
            memory.start()
            work()
            synchronise(options.device)
            highest = memory.read()
            with counter:
                work()
            seconds = tuple(_calls(work, options))
    except Exception as error:  # out of memory, say: a figure of its own, and the next batch is tried
        return Timing(stage, batch, error=one_line(error))
    return Timing(stage, batch, seconds, counter.get_total_flops() or None, highest)


def _calls(work: Callable[[], object], options: Options) -> Iterator[float]:
    """The seconds of each call."""
    total, calls = 0.0, 0
    while calls < FEWEST or (total < options.seconds and calls < MOST):
        start = time.perf_counter()
        work()
        synchronise(options.device)
        spent = time.perf_counter() - start
        total, calls = total + spent, calls + 1
        yield spent
