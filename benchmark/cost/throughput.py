"""How fast a backbone describes images: every stage that a score needs, batch by batch, in a stated time.

One image warms up, the first call of a batch shows memory and operations, and the others are timed with the device
synchronised. A figure names its batch, and a batch that does not fit, or not in time, is an error of its own, never a
smaller one in disguise.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ... import one_line
from ...backbones.backbone import Backbone, Extractor, Stepwise
from ..plugins.calls import plugin_call
from ..run.features import count_parameters
from .stage_timing import ALL, NotInTime, StageClock, Timing, operation_counter

PAYS = 1.1
"""Times as many images per second, at least, for a batch of twice the size to pay."""
SEED = 0
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Options:
    """How a backbone is run; part of every figure."""

    device: torch.device
    batches: tuple[int, ...] = (1, 32)
    largest: bool = True
    """Whether the last batch is doubled for as long as that pays, where operations are counted: a formula's maps are
    views, which are as quick for a million images as for one."""
    precisions: tuple[str, ...] = tuple(PRECISIONS)
    seconds: float = 20.0
    """Spent on a backbone once it is loaded, by all its batches and formats."""
    channels_last: bool = False
    compile: bool = False

    def facts(self) -> dict[str, Any]:
        """As they stand beside a figure."""
        return {"channels_last": self.channels_last, "compile": self.compile, "seconds": self.seconds}


@dataclass(frozen=True)
class Throughput:
    """A backbone's speed, stage by stage."""

    backbone: str
    provider: str
    parameters: int | None
    load: float
    """Seconds to read the weights."""
    timings: tuple[Timing, ...] = ()
    largest: Mapping[str, int] = field(default_factory=dict)
    """The largest batch that pays, by number format, where it was found in time."""
    error: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def measure(backbone: Backbone, provider: str, options: Options) -> Iterator[Throughput]:
    """Load a backbone and time it: all that is known of it, after each batch; what it raises is kept as its error."""
    start = time.perf_counter()
    found = Throughput(backbone.name, provider, None, 0.0, options=options.facts())
    try:
        with plugin_call(backbone.name):
            extractor = prepare(backbone.load(), options)
        found = replace(found, load=time.perf_counter() - start, parameters=count_parameters(extractor))
        for known in BackboneClock(backbone, extractor, options).measure(found):
            found = known
            yield found
    except Exception as error:  # whatever a plugin raises, the others are measured
        yield replace(found, load=found.load or time.perf_counter() - start, error=one_line(error))


@dataclass
class BackboneClock:
    """Shares the time of a backbone among its batches and number formats."""

    backbone: Backbone
    extractor: Extractor
    options: Options
    end: float = 0.0

    def measure(self, found: Throughput) -> Iterator[Throughput]:
        """All that is known, after each batch."""
        start, options = time.perf_counter(), self.options
        each = len(options.batches) + options.largest
        for number, precision in enumerate(options.precisions, 1):
            self.end = start + options.seconds * number / len(options.precisions)
            self._warm_up(precision)
            for place, batch in enumerate(options.batches):
                found = self._add(found, precision, batch, 1 / (each - place))
                yield found
                if found.timings[-1].late:
                    break
            if options.largest and found.timings[-1].flops:
                for grown in self._grow(found, precision):
                    found = grown
                    yield found

    def _warm_up(self, precision: str) -> None:
        """One image once: the memory that libraries take for themselves at their first call is of no batch.

        What fails here fails in every batch again, which says so.
        """
        image, extractor, counter = pictures(1, self.backbone.size, self.options), self.extractor, operation_counter()
        plugin, numbers = plugin_call(self.backbone.name), autocast(self.options.device, precision)
        with suppress(Exception), plugin, torch.no_grad(), numbers, counter:
            if isinstance(extractor, Stepwise):
                extractor.maps(extractor.attempt(image, 1))
            else:
                extractor(image)

    def _grow(self, found: Throughput, precision: str) -> Iterator[Throughput]:
        """Double the batch for as long as that pays and there is time."""
        last = found.timings[-1]
        while not last.error and time.perf_counter() < self.end:
            found = self._add(found, precision, 2 * last.batch, 0.5)
            now = found.timings[-1]
            if now.late:
                yield found
                return
            if now.error or now.images_per_second < PAYS * last.images_per_second:
                yield replace(found, largest={**found.largest, precision: last.batch})
                return
            yield found
            last = now

    def _add(self, found: Throughput, precision: str, batch: int, share: float) -> Throughput:
        """With one more batch, timed for a share of what is left."""
        left = self.end - time.perf_counter()
        try:
            with plugin_call(self.backbone.name), torch.no_grad(), autocast(self.options.device, precision):
                images = pictures(batch, self.backbone.size, self.options)
                timings = StageClock(self.extractor, images).timings(max(0.0, share * left), left)
        except NotInTime as error:
            timings = [Timing(ALL, batch, error=str(error), late=True)]
        except Exception as error:  # out of memory, say: a figure of its own, and the next batch is tried
            timings = [Timing(ALL, batch, error=one_line(error))]
        return replace(found, timings=(*found.timings, *(replace(t, precision=precision) for t in timings)))


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bfloat16 where that is the format."""
    return nullcontext() if precision == "float32" else torch.autocast(device.type, PRECISIONS[precision])


def prepare(extractor: Extractor, options: Options) -> Extractor:
    """On its device, in the layout and compiled as asked."""
    if isinstance(extractor, nn.Module):
        extractor.to(options.device).eval()
        if options.channels_last:
            extractor.to(memory_format=torch.channels_last)
        if options.compile:
            extractor.compile()
    return extractor


def pictures(batch: int, size: int, options: Options) -> Tensor:
    """Images (batch, 3, size, size) in [0, 1], always the same: smooth, as a photograph is."""
    random = torch.Generator().manual_seed(SEED)
    coarse = torch.rand(batch, 3, 8, 8, generator=random)
    images = nn.functional.interpolate(coarse, (size, size), mode="bilinear").to(options.device)
    return images.contiguous(memory_format=torch.channels_last) if options.channels_last else images
