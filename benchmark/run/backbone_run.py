"""Runs the cells of one backbone: features, head training and scores, in resumable units.

Take the scale of its maps, fit the head of every cell, then one pass over the test images in which all heads read
the same maps; auto-shot needs the heads and not that pass. A unit whose file is there is not done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import one_line
from ...backbones.backbone import Backbone
from ...heads.head import Head
from ..files import is_full
from ..plan import Cell, base_cell, is_auto_shot
from ..plugins.catalogue import Offer
from ..scores.convergence import FACT
from .auto_shot import AutoShot
from .features import FeatureSource
from .head_store import HeadStore, StoredHead
from .recorder import RunRecorder
from .segmenter_cells import UNITS, ProgressMeter, SegmenterCells
from .shot_features import ShotMaps
from .slice_scores import ERRORS, SliceScores
from .slice_store import SliceStore


@dataclass
class BackboneRun:
    """Scores the cells of one backbone."""

    offer: Offer[Backbone]
    source: FeatureSource
    heads: Mapping[str, Offer[Head]]
    recorder: RunRecorder
    work: Path
    """Trained heads and confusions of slices, until all cells are scored."""
    draws: Sequence[int] = ()
    """Of the cells that are scored."""

    def run(self, cells: Sequence[Cell]) -> None:
        """Fit the head of every cell and score them all; a head that fails leaves the others alone."""
        task, size = self.recorder.task, self.backbone.size
        auto = [cell for cell in cells if is_auto_shot(cell.head)]
        few = [cell for cell in cells if cell not in auto]
        self.draws = sorted({cell.draw for cell in cells})
        slices, of_shots = task.test_slices(size) if few else [], self._shot_slices()
        bases = dict.fromkeys(base_cell(cell) for cell in cells)
        units = 1 + len(of_shots) + len(bases) + len(slices) + UNITS * len(auto)
        self.recorder.reporter.start(self.backbone.name, units)
        if self.source.codes:
            self.source.codes.recall(task.splits.pool, task.pool)
            self.source.codes.invert_ahead(task.splits.pool, [i for rows in of_shots for i in rows])
            self.source.codes.invert_ahead(task.scored, [i for rows in slices for i in rows])
        self.source.measure(task.statistics(size), task.plan.scale)
        self._described("scale")
        heads = self._fit_all(cells, of_shots)
        self._score_few({cell: heads[cell] for cell in few if cell in heads}, slices)
        self._score_auto({cell: heads[base_cell(cell)] for cell in auto if base_cell(cell) in heads})

    def _score_few(self, heads: dict[Cell, StoredHead], slices: Sequence[list[int]]) -> None:
        """Score few-shot cells, all in one pass over the test images."""
        if not slices:
            return
        parts: list[Mapping[str, NDArray[Any]]] = []
        scores = SliceScores(self.backbone, self.heads, self.source, self.recorder, self.slices, shown=0 in self.draws)
        modules = {cell: head.module for cell, head in heads.items()}
        for number, rows in enumerate(slices):
            part, failures = scores.score(number, rows, modules)
            self._report_unit(f"test slice {number + 1}")
            for cell, error in failures.items():
                self._give_up(cell, error)
            modules = {cell: module for cell, module in modules.items() if cell not in failures}
            parts.append(part)
        facts = self._facts()
        if parts[0].get(ERRORS) is not None:
            facts[ERRORS] = [round(float(error), 5) for part in parts for error in part[ERRORS]]
        for cell in modules:
            confusion = np.concatenate([part[self.slices.column(cell)] for part in parts])
            own = {FACT: asdict(heads[cell].fit), "training": heads[cell].training}
            self.recorder.scored(cell, confusion, {**facts, **own})

    def _score_auto(self, heads: Mapping[Cell, StoredHead]) -> None:
        """Score auto-shot cells, one after the other."""
        one_pass = SegmenterCells(self.recorder, self.source.device, self.work, self.backbone.size)
        auto_shot = AutoShot(self.source, self.recorder.task, one_pass)
        for cell, head in heads.items():
            try:
                auto_shot.run(cell, head, ProgressMeter(UNITS, self._report_unit))
            except Exception as error:  # whatever a generator raises, the others go on
                self._give_up(cell, error)

    @property
    def backbone(self) -> Backbone:
        return self.offer.record

    @cached_property
    def head_store(self) -> HeadStore:
        return HeadStore(self.backbone, self.heads, self.recorder, self.source.device, self.work)

    @cached_property
    def slices(self) -> SliceStore:
        return SliceStore(self.recorder, self.work, tuple(self.draws))

    def _shot_slices(self) -> list[list[int]]:
        """The slices of pool images in which a draw has shots: as they are for all draws, so that no bit differs."""
        task = self.recorder.task
        used = {row for draw in self.draws for row in task.manifest.draws[draw]}
        return [rows for rows in task.shot_slices(self.backbone.size) if used & {*rows}]

    def _fit_all(self, cells: Sequence[Cell], of_shots: Sequence[list[int]]) -> dict[Cell, StoredHead]:
        """The trained heads that cells need, by few-shot cell: one draw after the other, or all of a kind at once."""
        heads: dict[Cell, StoredHead] = {}
        shots = ShotMaps(self.source, self.recorder.task.splits.pool, of_shots)
        shots.enter(lambda rows: self._described("shots", f" {rows[0]}-{rows[-1]}"))
        bases = sorted(dict.fromkeys(base_cell(cell) for cell in cells), key=lambda cell: cell.draw)
        for base, result in self.head_store.fit(self.head_store.groups(bases), shots):
            if isinstance(result, Exception):
                for cell in cells:
                    if base_cell(cell) == base:
                        self._give_up(cell, result)
            else:
                heads[base] = result
            self._report_unit(base.slug)
        return heads

    def _give_up(self, cell: Cell, error: Exception) -> None:
        """Record a cell as failed; nothing of it is kept, so that the next run tries it from the start."""
        if is_full(error):
            raise error
        self.head_store.file(base_cell(cell)).unlink(missing_ok=True)
        provider = self.heads[cell.head].provider
        self.recorder.failed(cell, f"{cell.head} ({provider}) failed on {cell.backbone}: {one_line(error)}")

    def _described(self, unit: str, which: str = "") -> None:
        """Note that images of the pool were described."""
        self.recorder.journal(unit, f"{self.backbone.name}{which}")
        self._report_unit(unit)

    def _report_unit(self, what: str) -> None:
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
            "maps": {
                "shift": [s.mean().item() for s in source.shift],
                "scale": [s.mean().item() for s in source.scale],
            },
        }
