"""Runs the cells of one backbone: features, head training and scores, in resumable units.

Take the scale of its maps, fit the head of every cell, then one pass over the test images in which all heads read
the same maps; auto-shot needs the heads and not that pass. A unit whose file is there is not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ... import one_line
from ...backbones.backbone import Backbone
from ...heads.head import Head
from ..auto_shot_names import base_cell, is_auto_shot
from ..files import is_full
from ..plan import Cell
from ..plugins.catalogue import Offer
from ..scores.convergence import FACT
from .auto_shot import AutoShot
from .features import FeatureSource
from .groups import Group
from .head_files import StoredHead
from .head_store import HeadStore
from .recorder import RunRecorder
from .segmenter_cells import UNITS, ProgressMeter, SegmenterCells
from .shot_features import ShotMaps
from .slice_scores import ERRORS, SliceScores
from .slice_store import Arrays, SliceStore


@dataclass
class BackboneRun:
    """Scores the cells of one backbone."""

    offer: Offer[Backbone]
    source: FeatureSource
    heads: Mapping[str, Offer[Head]]
    recorder: RunRecorder
    work: Path
    """Trained heads and confusions of slices, until all cells are scored."""
    group: Group
    """What the cells are of, and units of work with them."""
    draws: Sequence[int] = ()
    """Of the cells that are scored."""

    def run(self, cells: Sequence[Cell]) -> None:
        """Fit the head of every cell and score them all; a head that fails leaves the others alone."""
        task, size = self.recorder.task, self.backbone.size
        auto = [cell for cell in cells if is_auto_shot(cell.head)]
        few = [cell for cell in cells if cell not in auto]
        self.draws = sorted({cell.draw for cell in cells})
        slices, shots = dict(enumerate(task.test_slices(size) if few else [])), self.shot_maps(self.report_unit)
        bases = list(dict.fromkeys(base_cell(cell) for cell in cells))
        self.recorder.reporter.start(
            self.backbone.name, 1 + len(shots.slices) + len(bases) + len(slices) + UNITS * len(auto)
        )
        self.prepare(shots, slices)
        shots.enter()
        heads = self.fit(bases, shots, cells)
        scored = {cell: heads[cell] for cell in few if cell in heads}
        self.write(scored, self.score(scored, slices))
        self._score_auto({cell: heads[base_cell(cell)] for cell in auto if base_cell(cell) in heads})

    def prepare(self, shots: ShotMaps, slices: Mapping[int, list[int]]) -> None:
        """Invert what the device inverts together, of shots and of slices of the test images; take the scale."""
        task, codes = self.recorder.task, self.source.codes
        if codes:
            codes.recall(task.splits.pool, task.pool)
            codes.invert_ahead(task.splits.pool, [row for rows in shots.slices for row in rows])
            codes.invert_ahead(task.scored, [row for rows in slices.values() for row in rows])
        self.source.measure(task.statistics(self.backbone.size), task.plan.scale)
        self.recorder.journal("scale", self.group.name)
        self.report_unit("scale")

    def score(
        self,
        heads: dict[Cell, StoredHead],
        slices: Mapping[int, list[int]],
        failed: Callable[[Cell], bool] = lambda cell: False,
    ) -> dict[int, Arrays]:
        """What few-shot heads predict of slices of the test images, by their numbers, in one pass over these.

        Those that fail, here or elsewhere, are taken from the heads.
        """
        arrays = dict[int, Arrays]()
        facts = self.backbone, self.heads, self.source, self.recorder, self.slices, self.group.counted
        scores = SliceScores(*facts, shown=0 in self.draws)
        for number, rows in slices.items():
            for cell in filter(failed, tuple(heads)):
                del heads[cell]
            arrays[number], failures = scores.score(number, rows, {cell: head.module for cell, head in heads.items()})
            self.report_unit(f"test slice {number + 1}")
            for cell, error in failures.items():
                self.give_up(cell, error)
                del heads[cell]
        return arrays

    def write(self, heads: Mapping[Cell, StoredHead], arrays: Mapping[int, Arrays]) -> None:
        """Write the cells of heads of which all slices are counted."""
        facts, parts = self._facts(), [arrays[number] for number in sorted(arrays)]
        if parts and ERRORS in parts[0]:
            facts[ERRORS] = [round(float(error), 5) for part in parts for error in part[ERRORS]]
        for cell, head in heads.items():
            confusion = np.concatenate([part[self.slices.column(cell)] for part in parts])
            own = {FACT: asdict(head.fit), "training": head.training}
            self.recorder.scored(cell, confusion, {**facts, **own})

    def _score_auto(self, heads: Mapping[Cell, StoredHead]) -> None:
        """Score auto-shot cells, one after the other."""
        one_pass = SegmenterCells(self.recorder, self.source.device, self.work, self.backbone.size)
        auto_shot = AutoShot(self.source, self.recorder.task, one_pass)
        for cell, head in heads.items():
            try:
                auto_shot.run(cell, head, ProgressMeter(UNITS, self.report_unit))
            except Exception as error:  # whatever a generator raises, the others go on
                self.give_up(cell, error)

    @property
    def backbone(self) -> Backbone:
        return self.offer.record

    @cached_property
    def head_store(self) -> HeadStore:
        return HeadStore(self.backbone, self.heads, self.recorder, self.source.device, self.work)

    @cached_property
    def slices(self) -> SliceStore:
        parts = self.group.part[1] if self.group.part else 1
        return SliceStore(self.recorder, self.work, tuple(self.draws), parts)

    def shot_maps(self, report: Callable[[str], None]) -> ShotMaps:
        """Maps of the pool's slices in which a draw has shots, which are as for all draws, so that no bit differs."""
        task = self.recorder.task
        used = {row for draw in self.draws for row in task.manifest.draws[draw]}

        def described(rows: list[int]) -> None:
            self.recorder.journal("shots", f"{self.group.name} {rows[0]}-{rows[-1]}")
            report("shots")

        slices = [rows for rows in task.shot_slices(self.backbone.size) if used & {*rows}]
        return ShotMaps(self.source, task.splits.pool, slices, described)

    def fit(self, bases: Sequence[Cell], shots: ShotMaps, cells: Sequence[Cell]) -> dict[Cell, StoredHead]:
        """The trained heads of few-shot cells: one draw after the other, or all of a kind at once.

        One that cannot be trained fails those of the cells that need it.
        """
        heads: dict[Cell, StoredHead] = {}
        bases = sorted(bases, key=lambda cell: cell.draw)
        for base, result in self.head_store.fit(self.head_store.groups(bases), shots):
            if isinstance(result, Exception):
                for cell in cells:
                    if base_cell(cell) == base:
                        self.give_up(cell, result)
            else:
                heads[base] = result
            self.report_unit(base.slug)
        return heads

    def give_up(self, cell: Cell, error: Exception) -> None:
        """Record a cell as failed; nothing of it is kept, so that the next run tries it from the start."""
        if is_full(error):
            raise error
        self.head_store.file(base_cell(cell)).unlink(missing_ok=True)
        provider = self.heads[cell.head].provider
        self.fail(cell, f"{cell.head} ({provider}) failed on {cell.backbone}: {one_line(error)}")

    def fail(self, cell: Cell, sentence: str) -> None:
        """Record why a cell has no score."""
        self.recorder.failed(cell, sentence)

    def report_unit(self, what: str) -> None:
        """Tell that one more unit is done."""
        self.recorder.reporter.unit(self.backbone.name, what)

    def _facts(self) -> dict[str, Any]:
        source = self.source
        return {
            "provider": self.offer.provider,
            **source.facts,
            "origin": getattr(source.extractor, "origin", None) or self.backbone.origin or None,
            "licence": self.backbone.licence or None,
            "settings": getattr(source.extractor, "settings", None),
            "own codes": len(source.codes.own) or None if source.codes else None,
            "codes by others": sorted(source.codes.others) or None if source.codes else None,
            "maps": {
                "shift": [s.mean().item() for s in source.shift],
                "scale": [s.mean().item() for s in source.scale],
            },
        }
