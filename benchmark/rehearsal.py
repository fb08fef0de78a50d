"""The rehearsal of a run: every backbone describes a few images and every head takes a few steps, with a watch.

What a backbone inverts here is kept, so that the run need not do it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..backbones.backbone import Backbone, Generates, Inverts
from ..heads.head import Head
from .auto_shot_name import base_head, parse_auto_shot
from .features import Source, slices
from .fit import SCHEDULES, fit, predict, strategy
from .forecast import BackboneFigures, HeadFigures
from .iou import confuse
from .ledger import say
from .peaks import PeakMemory, synchronise
from .rehearse_segmenter import segmenter_figures, teaching
from .segmenter.figures import SegmenterFigures
from .task import Task

TOGETHER = (1, 1, 8)
"""Images that are described together: one to warm up, one alone, then several as in a run."""
PATIENCE = 8.0
"""Seconds that the next of these may take, by what the last one took; else the last one has to do."""
STEPS = 2
"""Training steps that are timed together."""
OFTEN, ENOUGH = 5, 0.1
"""Calls, and seconds, after which no further one is timed."""

Shapes = tuple[tuple[int, ...], ...]
Result = TypeVar("Result")


@dataclass
class Rehearsal:
    """Measures the backbones and heads of one task on one device."""

    task: Task
    heads: Mapping[str, Head]
    device: torch.device
    cache: Path
    """Where codes are kept."""
    known: dict[tuple[str, Shapes], HeadFigures] = field(default_factory=dict)
    """Figures of heads on maps of these shapes, which several backbones may share."""
    pictures: dict[tuple[str, int], Tensor] = field(default_factory=dict)
    """Images of a stage, by its name and their size."""

    def figures(self, backbone: Backbone, heads: Sequence[str]) -> BackboneFigures:
        """Those of one backbone; one that fails has a reason instead."""
        try:
            return self._figures(backbone, heads)
        except Exception as error:  # whatever a plugin raises, the others are measured
            return BackboneFigures(error=say(error))

    def _figures(self, backbone: Backbone, heads: Sequence[str]) -> BackboneFigures:
        peak = PeakMemory(self.device)
        peak.start()
        load, source = self._timed(lambda: Source.open(backbone, self.device, self.cache))
        weights = peak.read() or 0
        source.recall(self.task.splits.pool, self.task.pool)
        read, images = self._timed(lambda: torch.cat(self.task.statistics(backbone.size)))
        slice_ = len(slices(range(1000), backbone.size)[0])
        work, (invert, describe, rebuild) = self._describe(source, images, slice_)
        maps = source.raw(images[:1])
        shapes = tuple(tuple(layer.shape[1:]) for layer in maps)
        return BackboneFigures(
            load=load,
            read=read / len(images),
            invert=invert,
            describe=describe,
            rebuild=rebuild,
            missing=self._missing(source),
            code=_code_bytes(source, images),
            channels=sum(shape[0] for shape in shapes),
            maps=sum(layer[0].nelement() * layer.element_size() for layer in maps),
            memory=weights + work,
            slice=slice_,
            heads={name: self._named(name, source, maps, shapes) for name in heads},
        )

    def _named(self, name: str, source: Source, maps: Sequence[Tensor], shapes: Shapes) -> HeadFigures:
        head, auto = self._head(self.heads[base_head(name)], maps, shapes), parse_auto_shot(name)
        if auto is None or not isinstance(source.extractor, Generates):  # without a generator it fails at once
            return head
        return teaching(head, auto, source, self.task, self.segmenter)

    @cached_property
    def segmenter(self) -> SegmenterFigures:
        return segmenter_figures(self.task, self.device)

    @property
    def _shots(self) -> list[int]:
        return sorted({i for draw in self.task.manifest.draws for i in draw})

    def _describe(self, source: Source, images: Tensor, slice_: int) -> tuple[int, tuple[float, float, float]]:
        """Bytes at the highest for a slice of images, and seconds per image of inversion, maps and reconstruction."""
        first, highest, peak, figures = 0, 0, PeakMemory(self.device), (0.0, 0.0, 0.0)
        for wanted in TOGETHER:
            some = images[first : first + wanted]
            if not len(some) or sum(figures) * len(some) > PATIENCE:
                break
            peak.start()
            figures = self._stages(source, some)
            highest = max(highest, (peak.read() or 0) * (slice_ // len(some) if first else 1))  # the first warms up
            first += len(some)
        return highest, figures

    def _stages(self, source: Source, images: Tensor) -> tuple[float, float, float]:
        if not isinstance(source.extractor, Inverts):
            return 0.0, self._timed(lambda: source.raw(images))[0] / len(images), 0.0
        codes, seconds = source.codes(images)
        extractor = source.extractor
        with torch.no_grad():
            described, _ = self._timed(lambda: extractor.maps(codes))
            rebuilt, _ = self._timed(lambda: extractor.reconstruct(codes))
        return seconds / len(images), described / len(images), rebuilt / len(images)

    def _missing(self, source: Source) -> dict[str, int]:
        """Images of each stage that have no code yet."""
        if not isinstance(source.extractor, Inverts):
            return {}
        size, pool = source.backbone.size, self.task.splits.pool
        reads: dict[str, Callable[[], Tensor]] = {
            "scale": lambda: torch.cat(self.task.statistics(size)),
            "shots": lambda: pool.images(self._shots, size),
            "test": lambda: self.task.scored.images(list(self.task.test), size),
        }
        for stage, read in reads.items():
            if (stage, size) not in self.pictures:
                self.pictures[stage, size] = read()
        return {stage: source.missing(self.pictures[stage, size]) for stage in reads}

    def _head(self, head: Head, maps: Sequence[Tensor], shapes: Shapes) -> HeadFigures:
        if (head.name, shapes) not in self.known:
            self.known[head.name, shapes] = self._measure_head(head, maps)
        return self.known[head.name, shapes]

    def _measure_head(self, head: Head, maps: Sequence[Tensor]) -> HeadFigures:
        task, channels = self.task, tuple(layer.shape[1] for layer in maps)
        plan, classes = task.plan, len(task.dataset.classes)
        masks = task.splits.pool.masks(self._shots[:1], plan.size)
        schedule = SCHEDULES[plan.schedule].for_head(head.name)
        peak = PeakMemory(self.device)
        peak.start()
        build, module = self._timed(lambda: head.build(channels, classes).to(self.device))

        def train(steps: int) -> nn.Module:
            short = replace(schedule, steps=steps)
            return fit(head, channels, classes, maps, masks.to(self.device), short, 0)

        def score() -> object:
            return confuse(predict(module, maps, plan.size, classes).cpu().numpy(), masks.numpy(), classes)

        module = train(1)
        score()
        seconds, image = self._often(lambda: train(STEPS)), self._often(score)
        parameters = sum(p.nelement() * p.element_size() for p in module.parameters())
        return HeadFigures(
            build=build,
            step=max(0.0, seconds - build) / STEPS,
            image=image,
            parameters=parameters,
            memory=max(0, (peak.read() or 0) - 4 * parameters),
            strategy=strategy(module, schedule, plan.size),
        )

    def _often(self, work: Callable[[], object]) -> float:
        """Seconds of the median call, of several where they are quick."""
        found: list[float] = []
        while len(found) < OFTEN and sum(found) < ENOUGH:
            found.append(self._timed(work)[0])
        return median(found)

    def _timed(self, work: Callable[[], Result]) -> tuple[float, Result]:
        synchronise(self.device)
        start = time.perf_counter()
        result = work()
        synchronise(self.device)
        return time.perf_counter() - start, result


def _code_bytes(source: Source, images: Tensor) -> int:
    """Bytes of a code that is kept, 0 where there are no codes."""
    if not isinstance(source.extractor, Inverts):
        return 0
    return max((file.stat().st_size for file in source.code_files(images) if file.exists()), default=0)
