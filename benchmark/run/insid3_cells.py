"""Cells of `insid3:BACKBONE`, which reads the last map of a backbone by example: no head, no training, no chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...backbones.controls.debiased import positional_basis
from ...heads.head import likeliest
from ..gallery import BackboneGallery
from ..metrics.confusion import Confusion
from ..metrics.definitions import BACKGROUND
from ..plan import Cell
from ..segment.insid3 import DIRECTIONS, Cells, Shown, label, shown
from .features import FeatureSource
from .recorder import RunRecorder
from .target_masks import Truth


@dataclass
class Insid3Cells:
    """Scores the cells of one backbone."""

    name: str
    """In the plan, `insid3:BACKBONE`."""
    provider: str
    source: FeatureSource
    recorder: RunRecorder
    described: dict[int, Cells] = field(default_factory=dict)
    """Shots, by their row in the pool."""

    def run(self, cells: Sequence[Cell]) -> None:
        """Describe every image once, for all cells."""
        task, size = self.recorder.task, self.source.backbone.size
        of_shots, of_test = task.shot_slices(size), task.test_slices(size)
        self.recorder.reporter.start(self.name, len(of_shots) + len(of_test))
        if self.source.codes:
            self.source.codes.recall(task.splits.pool, task.pool)
        for rows in of_shots:
            self.described |= zip(rows, self._describe(task.splits.pool.images(rows, size)), strict=True)
            self.recorder.reporter.unit(self.name, "shots")
        known = {cell: self._known(cell) for cell in cells}
        parts: dict[Cell, list[Confusion]] = {cell: [] for cell in cells}
        for number, rows in enumerate(of_test):
            for cell, confusion in self._score(rows, known, pictures=number == 0).items():
                parts[cell].append(confusion)
            self.recorder.reporter.unit(self.name, f"test slice {number + 1}")
        for cell, confusions in parts.items():
            self.recorder.scored(cell, np.concatenate(confusions), self._facts())

    def _describe(self, images: Tensor) -> list[Cells]:
        return [Cells.of(layer, self.basis) for layer in self.source.raw(images)[-1]]

    @cached_property
    def basis(self) -> Tensor:
        """The directions of position in the last map."""
        size = self.source.backbone.size
        black = self.source.raw(torch.zeros(1, 3, size, size))[-1]
        return positional_basis(black[0], DIRECTIONS).to(black)

    def _known(self, cell: Cell) -> tuple[list[Cells], list[Shown | None]]:
        """The shots of a cell, and every class as they show it."""
        task = self.recorder.task
        shots = [self.described[row] for row in task.manifest.shots(cell.draw, cell.shots)]
        masks = task.shot_masks(cell.draw, cell.shots).to(self.source.device)
        return shots, [shown(shots, masks == k) for k in range(len(task.dataset.classes))]

    def _score(
        self, rows: list[int], known: Mapping[Cell, tuple[list[Cells], list[Shown | None]]], pictures: bool
    ) -> dict[Cell, Confusion]:
        """Confusions of some test images."""
        task, truth = self.recorder.task, Truth(self.recorder.task, rows)
        images = task.scored.images(rows, self.source.backbone.size)
        described, found = self._describe(images), dict[Cell, Confusion]()
        where = self.recorder.folder.path, self.name, images.numpy(), truth.squares.numpy()
        gallery = BackboneGallery.of(*where) if pictures else None
        for cell, (shots, classes) in known.items():
            logits = [label(one, shots, classes, self._background, task.plan.size) for one in described]
            stacked = torch.stack(logits).cpu()
            found[cell] = truth.confuse(stacked)
            if gallery:
                gallery.keep(cell, truth.shown(likeliest(stacked)).numpy())
        if gallery and gallery.predictions:  # of later draws nothing is shown, and another worker may be writing
            gallery.write(None)
        return found

    @property
    def _background(self) -> int | None:
        classes = self.recorder.task.dataset.classes
        return classes.index(BACKGROUND) if BACKGROUND in classes else None

    def _facts(self) -> dict[str, Any]:
        source, (height, width) = self.source, next(iter(self.described.values())).shape
        directions = f"{self.basis.shape[1]} of {self.basis.shape[0]} directions of position projected out"
        return {
            "provider": self.provider,
            **source.facts,
            "origin": source.backbone.origin or None,
            "settings": f"its last map, {height} x {width}; {directions}",
        }
