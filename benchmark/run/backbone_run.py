"""Runs the cells of one backbone: features, head training and scores, in resumable units.

Take the scale of its maps, fit the head of every cell, then one pass over the test images in which all heads read
the same maps; auto-shot needs the heads and not that pass. A unit whose file is there is not done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ... import one_line
from ...backbones.backbone import Backbone
from ...heads.head import Head
from ..files import UNREADABLE, write_atomic
from ..gallery import BackboneGallery
from ..metrics.confusion import Confusion, confuse
from ..plan import Cell, base_cell, is_auto_shot
from ..plugins.catalogue import Offer
from ..results import as_npz, read_npz
from .auto_shot import AutoShot
from .features import FeatureSource
from .head_store import HeadStore
from .head_training import predict
from .recorder import RunRecorder
from .segmenter_cells import UNITS, ProgressMeter, SegmenterCells
from .shot_features import ShotMaps


@dataclass
class BackboneRun:
    """Scores the cells of one backbone."""

    offer: Offer[Backbone]
    source: FeatureSource
    heads: Mapping[str, Offer[Head]]
    recorder: RunRecorder
    work: Path
    """Trained heads and confusions of slices, until all cells are scored."""

    def run(self, cells: Sequence[Cell]) -> None:
        """Fit the head of every cell and score them all; a head that fails leaves the others alone."""
        task, size = self.recorder.task, self.backbone.size
        auto = [cell for cell in cells if is_auto_shot(cell.head)]
        few = [cell for cell in cells if cell not in auto]
        slices, of_shots = task.test_slices(size) if few else [], task.shot_slices(size)
        bases = dict.fromkeys(base_cell(cell) for cell in cells)
        units = 1 + len(of_shots) + len(bases) + len(slices) + UNITS * len(auto)
        self.recorder.reporter.start(self.backbone.name, units)
        self.source.recall(task.splits.pool, task.pool)
        self.source.measure(task.statistics(size), task.plan.scale)
        self._report_unit("scale")
        modules = self._fit_all(cells, of_shots)
        self._score_few({cell: modules[cell] for cell in few if cell in modules}, slices)
        self._score_auto({cell: modules[base_cell(cell)] for cell in auto if base_cell(cell) in modules})

    def _score_few(self, modules: dict[Cell, nn.Module], slices: Sequence[list[int]]) -> None:
        """Score few-shot cells, all in one pass over the test images."""
        if not slices:
            return
        parts = [self._score_slice(number, rows, modules) for number, rows in enumerate(slices)]
        facts = self._facts() | self._reconstruction(slices)
        for cell in modules:
            self.recorder.scored(cell, np.concatenate([part[cell.slug] for part in parts]), facts)

    def _score_auto(self, modules: Mapping[Cell, nn.Module]) -> None:
        """Score auto-shot cells, one after the other."""
        one_pass = SegmenterCells(self.recorder, self.source.device, self.work, self.backbone.size)
        auto_shot = AutoShot(self.source, self.recorder.task, one_pass, self.work)
        for cell, head in modules.items():
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

    @property
    def classes(self) -> int:
        return len(self.recorder.task.dataset.classes)

    def _fit_all(self, cells: Sequence[Cell], of_shots: Sequence[list[int]]) -> dict[Cell, nn.Module]:
        """The trained heads that cells need, by few-shot cell, those of one draw after the other."""
        modules: dict[Cell, nn.Module] = {}
        shots = ShotMaps(self.source, self.recorder.task.splits.pool, of_shots)
        shots.enter(lambda: self._report_unit("shots"))
        for draw in sorted({cell.draw for cell in cells}):
            shots.want(self.recorder.task.manifest.draws[draw])
            for base in dict.fromkeys(base_cell(cell) for cell in cells if cell.draw == draw):
                try:
                    modules[base] = self.head_store.head(base, shots)
                except Exception as error:  # a head that fails is recorded, and the others go on
                    for cell in cells:
                        if base_cell(cell) == base:
                            self._give_up(cell, error)
                self._report_unit(base.slug)
        return modules

    def _give_up(self, cell: Cell, error: Exception) -> None:
        """Record a cell as failed; nothing of it is kept, so that the next run tries it from the start."""
        self.head_store.file(base_cell(cell)).unlink(missing_ok=True)
        provider = self.heads[cell.head].provider
        self.recorder.failed(cell, f"{cell.head} ({provider}) failed on {cell.backbone}: {one_line(error)}")

    def _score_slice(self, number: int, rows: list[int], modules: dict[Cell, nn.Module]) -> dict[str, Confusion]:
        """Confusions of every cell on one slice of the test images, read once for all heads; drops heads that fail."""
        file = self.work / f"slice-{number:05d}.npz"
        confusions = _read_confusions(file)
        if not all(cell.slug in confusions for cell in modules):
            confusions = self._confuse_slice(number, rows, modules)
            write_atomic(file, as_npz(confusions))
            self.recorder.journal("score", f"{self.backbone.name} {number}")
        self._report_unit(f"test slice {number + 1}")
        return confusions

    def _confuse_slice(self, number: int, rows: list[int], modules: dict[Cell, nn.Module]) -> dict[str, Confusion]:
        task = self.recorder.task
        images = task.scored.images(rows, self.backbone.size)
        truth = task.scored.masks(rows, task.plan.size).numpy()
        maps = self.source.maps(images)
        gallery = BackboneGallery.of(self.recorder.folder.path, self.backbone.name, images.numpy(), truth)
        confusions: dict[str, Confusion] = {}
        for cell, module in list(modules.items()):
            try:
                guess = predict(module, maps, task.plan.size, self.classes).cpu().numpy()
            except Exception as error:  # as above
                self._give_up(cell, error)
                del modules[cell]
                continue
            confusions[cell.slug] = confuse(guess, truth, self.classes)
            gallery.keep(cell, guess)
        if number == 0:
            rebuilt = self.source.reconstruct(images)
            gallery.write(None if rebuilt is None else rebuilt.numpy())
        return confusions

    def _report_unit(self, what: str) -> None:
        self.recorder.reporter.unit(self.backbone.name, what)

    def _reconstruction(self, slices: Sequence[list[int]]) -> dict[str, list[float]]:
        """Root mean square error of every test image's reconstruction, for backbones that images enter by inversion."""
        errors: list[float] = []
        for rows in slices:
            images = self.recorder.task.scored.images(rows, self.backbone.size)
            rebuilt = self.source.reconstruct(images)
            if rebuilt is None:
                return {}
            errors += (rebuilt - images).square().mean((1, 2, 3)).sqrt().tolist()
        return {"reconstruction error": [round(error, 5) for error in errors]}

    def _facts(self) -> dict[str, Any]:
        source = self.source
        return {
            "provider": self.offer.provider,
            "weights": source.weights,
            "origin": self.backbone.origin or None,
            "settings": getattr(source.extractor, "settings", None),
            "own codes": len(source.own) or None,
            "seconds per image": round(source.seconds / max(1, source.images), 5),
            "maps": {
                "shift": [s.mean().item() for s in source.shift],
                "scale": [s.mean().item() for s in source.scale],
            },
        }


def _read_confusions(file: Path) -> dict[str, Confusion]:
    """The confusions in a file; none if it cannot be read, so that they are counted again."""
    try:
        return read_npz(file)
    except UNREADABLE:
        return {}
