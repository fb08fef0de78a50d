"""Runs the cells of one backbone on one-shot episodes: of each, a head learns one part and finds it in one image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from ... import UserError, one_line
from ...backbones.backbone import Backbone
from ...heads.head import Head
from ..auto_shot_names import is_auto_shot
from ..files import is_full
from ..metrics.confusion import Confusion
from ..plan import Cell
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from ..scores.convergence import FACT, ShotFit
from .features import FeatureSource
from .head_training import learn, logits_of, strategy
from .recorder import RunRecorder
from .schedules import SCHEDULES
from .shot_fit import measure_fit
from .slice_store import SliceStore
from .target_masks import Truth

FIT = " fit"
"""Behind the column of a cell: how its heads fit their supports, (n, 6); a row of NaN where nothing was learnt."""
PIXELS = 128
"""Side of the images that say how many episodes the control without a backbone reads together."""


@dataclass
class EpisodeRun:
    """Scores cells of a backbone, or of the control that copies the mask of the support, on episodes."""

    name: str
    offer: Offer[Backbone] | None
    source: FeatureSource | None
    heads: Mapping[str, Offer[Head]]
    recorder: RunRecorder
    work: Path
    draws: tuple[int, ...]
    """Of the cells that are scored here."""

    def run(self, cells: Sequence[Cell]) -> None:
        """Score the cells, slice by slice of the episodes; a head that fails leaves the others alone."""
        task = self.recorder.task
        size = self.offer.record.size if self.offer else PIXELS
        slices, left = task.test_slices(size), dict.fromkeys(cells)
        self.recorder.reporter.start(self.name, len(slices))
        if self.source:
            self.source.measure(task.statistics(size), task.plan.scale)
        parts: list[dict[str, NDArray[Any]]] = []
        for number, rows in enumerate(slices):
            arrays = dict(self.slices.read(number))
            new = [cell for cell in left if self.slices.column(cell) not in arrays]
            if new and self.source:
                self._read(rows)  # a backbone that fails is no fault of a head
            for cell in new:
                arrays |= self._attempt(cell, rows, left)
            self.slices.write(number, arrays)
            self.recorder.journal("score", f"{self.name} {number}")
            self.recorder.reporter.unit(self.name, f"episodes {number + 1}")
            parts.append(arrays)
            self._maps.clear()
        for cell in left:
            columns = [[part[self.slices.column(cell) + what] for part in parts] for what in ("", FIT)]
            self.recorder.scored(cell, np.concatenate(columns[0]), self._facts(cell, np.concatenate(columns[1])))

    def _attempt(self, cell: Cell, rows: list[int], left: dict[Cell, None]) -> dict[str, NDArray[Any]]:
        """What a cell counts in a slice; one that fails is taken from those that are left."""
        try:
            counted = [*self._count(cell, rows)]
        except Exception as error:  # whatever a head raises, the others go on
            if is_full(error):
                raise
            del left[cell]
            self.recorder.failed(cell, f"{cell.head} failed on {cell.backbone}: {one_line(error)}")
            return {}
        column = self.slices.column(cell)
        return {column: np.concatenate([c for c, _ in counted]), column + FIT: np.array([fit for _, fit in counted])}

    def _count(self, cell: Cell, rows: list[int]) -> Iterator[tuple[Confusion, list[float]]]:
        """The confusion (1, K, K) of each episode, and how its head fits the support."""
        task = self.recorder.task
        for place, row in enumerate(rows):
            part = task.splits.episodes[row]
            mask = (task.splits.pool.masks([row], task.plan.size) == part).long()
            fit = [float("nan")] * len(fields(ShotFit))
            if self.source is None or not mask.any():  # nothing can be learnt of a part that is smaller than a pixel
                logits = one_hot(mask, 2).movedim(-1, 1).float()
            else:
                logits, fit = self._learn(cell, place, rows, mask)
            yield Truth(task, [row], (0, part)).confuse(logits), fit

    def _learn(self, cell: Cell, place: int, rows: list[int], mask: Tensor) -> tuple[Tensor, list[float]]:
        """Logits (1, 2, S, S) of a query, of a head that learnt from the support, and how it fits that."""
        if is_auto_shot(cell.head):
            raise UserError("auto-shot learns from images of a generator, and an episode has one image; leave it out")
        assert self.source and self.offer
        plan, head = self.recorder.task.plan, self.heads[cell.head].record
        support, query = ([m[place : place + 1] for m in maps] for maps in self._read(rows))
        schedule, mask = SCHEDULES[plan.schedule], mask.to(self.source.device)
        with plugin_call(head.name, self.recorder.problem):
            channels = self.offer.record.channels
            trained = learn(head, channels, 2, lambda _: support, mask, schedule, cell.seed(plan.seed))
            fit = measure_fit(trained, [(support, mask)], 2)
            logits = logits_of(trained.module, query, plan.size, 2)
        return logits, [np.nan if value is None else float(value) for value in asdict(fit).values()]

    def _read(self, rows: list[int]) -> tuple[list[Tensor], list[Tensor]]:
        """Scaled maps of the supports and of the queries of a slice, read once for all cells."""
        assert self.source and self.offer
        if not self._maps:
            task, size = self.recorder.task, self.offer.record.size
            self._maps.extend(self.source.maps(split.images(rows, size)) for split in (task.splits.pool, task.scored))
        return self._maps[0], self._maps[1]

    @cached_property
    def _maps(self) -> list[list[Tensor]]:
        return []

    @cached_property
    def slices(self) -> SliceStore:
        return SliceStore(self.recorder, self.work, self.draws)

    def _facts(self, cell: Cell, fits: NDArray[np.float64]) -> dict[str, Any]:
        """What a result says beside its confusions."""
        facts: dict[str, Any] = {"episodes": len(fits), "provider": "partbench"}
        if self.source is None or self.offer is None:
            return facts
        learnt = fits[~np.isnan(fits[:, 0])]
        facts |= {"episodes without a pixel of the part to learn from": len(fits) - len(learnt)}
        facts |= {"provider": self.offer.provider, **self.source.facts}
        plan, head = self.recorder.task.plan, self.heads[cell.head].record
        how = strategy(head.build(self.offer.record.channels, 2), SCHEDULES[plan.schedule], plan.size)
        facts |= {"origin": self.offer.record.origin or None, "training": f"{how}, one for each episode"}
        return facts | ({FACT: asdict(_mean_fit(learnt))} if len(learnt) else {})


def _mean_fit(fits: NDArray[np.float64]) -> ShotFit:
    """The mean of what heads make of their supports; they have settled if most of them have."""
    values = dict(zip((field.name for field in fields(ShotFit)), fits.T, strict=True))
    steps, settled = int(values.pop("steps").max()), values.pop("settled")
    most = None if np.isnan(settled).any() else bool(settled.mean() > 0.5)
    return ShotFit(steps=steps, settled=most, **{name: float(of.mean()) for name, of in values.items()})
