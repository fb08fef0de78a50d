"""The rehearsal of a run: times feature extraction on a few images and a few training steps per head.

What a backbone inverts here is kept, so that the run need not do it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from ... import one_line
from ...backbones.backbone import Backbone, Generates
from ...heads.head import Enlarges, Head, Solves
from ..auto_shot_names import base_head, parse_auto_shot
from ..machine import MemoryLimit, PeakMemory, slices
from ..metrics.confusion import confuse
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from ..plugins.code_identity import code_hash
from ..run.features import FeatureSource
from ..run.head_training import fit, learn, predict, strategy
from ..run.schedules import SCHEDULES
from ..run.task import SegmentationTask
from .feature_timing import Result, time_call, time_features
from .measured_cost import BackboneFigures, HeadFigures, SegmenterFigures, SolveFigures
from .segmenter_rehearsal import auto_shot_figures, segmenter_figures

STEPS = 2
"""Training steps that are timed together."""
OFTEN, ENOUGH = 5, 0.1
"""Calls, and seconds, after which no further one is timed."""

Shapes = tuple[tuple[int, ...], ...]


@dataclass
class Rehearsal:
    """Measures the backbones and heads of one task on one device."""

    task: SegmentationTask
    heads: Mapping[str, Head]
    device: torch.device
    cache: Path
    """Where codes are kept."""
    measured: dict[tuple[str, Shapes], HeadFigures] = field(default_factory=dict)
    """Figures of heads on maps of these shapes, which several backbones may share."""
    room: MemoryLimit | None = None
    """The memory that a run would have."""

    def figures(self, offer: Offer[Backbone], heads: Sequence[str]) -> BackboneFigures:
        """Those of one backbone; one that fails has a reason instead."""
        try:
            with plugin_call(offer.record.name):
                return self._figures(offer.record, heads, code_hash(offer, wrapped=False))
        except Exception as error:  # whatever a plugin raises, the others are measured
            return BackboneFigures(error=one_line(error))

    def _figures(self, backbone: Backbone, heads: Sequence[str], code: str) -> BackboneFigures:
        peak = PeakMemory(self.device)
        peak.start()
        load, source = self._timed(lambda: FeatureSource.open(backbone, self.device, self.cache, self.room, code=code))
        weights = peak.read() or 0
        source.leave_unscaled()
        if source.codes:
            source.codes.recall(self.task.splits.pool, self.task.pool)
        read, images = self._timed(lambda: torch.cat(self.task.statistics(backbone.size)))
        together = len(slices(range(1000), backbone.size)[0])
        described = time_features(source, images, together)
        maps = described.maps
        shapes = tuple((*layer.shape[1:], isinstance(layer, Enlarges)) for layer in maps)
        named = {name: self._named(name, source, maps, shapes) for name in heads}  # a map may hold more once it is read
        return BackboneFigures(
            load=load,
            read=read / len(images),
            invert=described.invert,
            describe=described.describe,
            rebuild=described.rebuild,
            missing=self._missing(source),
            code=described.code,
            channels=sum(shape[0] for shape in shapes),
            maps=sum(layer[:1].nbytes for layer in maps),
            weights=weights,
            memory=described.memory,
            slice=together,
            heads=named,
        )

    def _named(self, name: str, source: FeatureSource, maps: Sequence[Tensor], shapes: Shapes) -> HeadFigures:
        head, auto = self._head(self.heads[base_head(name)], maps, shapes), parse_auto_shot(name)
        if auto is None or not isinstance(source.extractor, Generates):  # without a generator it fails at once
            return head
        return auto_shot_figures(head, auto, source, self.task, self.segmenter)

    @cached_property
    def segmenter(self) -> SegmenterFigures:
        return segmenter_figures(self.task, self.device)

    @property
    def _shots(self) -> list[int]:
        return sorted({i for draw in self.task.manifest.draws for i in draw})

    def _missing(self, source: FeatureSource) -> dict[str, int]:
        """Images of each stage that have no code yet."""
        if source.codes is None:
            return {}
        size, pool, task = source.backbone.size, self.task.splits.pool, self.task
        reads: dict[str, Iterable[Tensor]] = {
            "scale": task.statistics(size),
            "shots": (pool.images(rows, size) for rows in task.shot_slices(size)),
            "test": (task.scored.images(rows, size) for rows in task.test_slices(size)),
        }
        return {stage: sum(map(source.codes.missing, images)) for stage, images in reads.items()}

    def _head(self, head: Head, maps: Sequence[Tensor], shapes: Shapes) -> HeadFigures:
        if (head.name, shapes) not in self.measured:
            self.measured[head.name, shapes] = self._measure_head(head, maps)
        return self.measured[head.name, shapes]

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

        solve = self._solving(head, maps, masks.to(self.device), classes) if isinstance(module, Solves) else None
        module = train(1)
        score()
        seconds, image = 0.0 if solve else self._often(lambda: train(STEPS)), self._often(score)
        numbers = sum(p.nelement() * p.element_size() for p in (*module.parameters(), *module.buffers()))
        figures = HeadFigures(
            build=0.0 if solve else build,
            step=max(0.0, seconds - build) / STEPS,
            solve=solve,
            image=image,
            parameters=numbers,
            strategy=strategy(module, schedule, plan.size),
        )
        return replace(figures, memory=max(0, (peak.read() or 0) - numbers - figures.training))

    def _solving(self, head: Head, maps: Sequence[Tensor], masks: Tensor, classes: int) -> SolveFigures:
        """Of a head that is solved, from one image (1, C_i, h_i, w_i) as each of its shots.

        Every number of shots of the plan is solved: nothing tells how one grows into the other, be it in time or in
        memory.
        """
        channels, schedule = tuple(layer.shape[1] for layer in maps), SCHEDULES[self.task.plan.schedule]
        asked: list[int] = []

        def shot(row: int) -> Sequence[Tensor]:
            asked.append(row)
            return maps

        def solve(count: int) -> object:
            asked.clear()
            return learn(head, channels, classes, shot, masks.expand(count, -1, -1), schedule, 0)

        solve(1)  # the first warms up
        counts = sorted(self.task.plan.shots)
        measured = {count: self._often(partial(solve, count)) for count in counts}
        return SolveFigures(measured, reads=len(asked) / counts[-1])

    def _often(self, work: Callable[[], object]) -> float:
        """Seconds of the median call, of several where they are quick."""
        found: list[float] = []
        while len(found) < OFTEN and sum(found) < ENOUGH:
            found.append(self._timed(work)[0])
        return median(found)

    def _timed(self, work: Callable[[], Result]) -> tuple[float, Result]:
        return time_call(self.device, work)
