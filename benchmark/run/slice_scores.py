"""Counts what trained heads predict of the test images: a slice of them after the other, read once for all heads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import nn

from ...backbones.backbone import Backbone
from ..gallery import BackboneGallery
from ..plan import Cell
from ..plugins.calls import plugin_call
from .features import FeatureSource
from .head_training import logits_of
from .recorder import RunRecorder
from .slice_store import SliceStore
from .target_masks import Truth

ERRORS = "reconstruction error"
"""Name of an array beside the confusions of a slice; a cell's has more hyphens."""


@dataclass(frozen=True)
class SliceScores:
    """Scores the heads of one backbone."""

    backbone: Backbone
    source: FeatureSource
    recorder: RunRecorder
    slices: SliceStore
    shown: bool
    """Whether predictions of the first slice become pictures; another worker may be writing those of other draws."""

    def score(
        self, number: int, rows: list[int], modules: Mapping[Cell, nn.Module]
    ) -> tuple[Mapping[str, NDArray[Any]], Mapping[Cell, Exception]]:
        """Arrays of one slice of the test images, and the heads that failed on it; kept ones are not made again."""
        arrays, failures = self.slices.read(number), dict[Cell, Exception]()
        if not all(self.slices.column(cell) in arrays for cell in modules):
            arrays, failures = self._confuse(number, rows, modules)
            self.slices.write(number, arrays)
            self.recorder.journal("score", f"{self.backbone.name} {number}")
        return arrays, failures

    def _confuse(
        self, number: int, rows: list[int], modules: Mapping[Cell, nn.Module]
    ) -> tuple[dict[str, NDArray[Any]], dict[Cell, Exception]]:
        """Confusions (n, K, K) by cell and, where images can be rebuilt, the root mean square `ERRORS` (n,) of that."""
        task, failures = self.recorder.task, dict[Cell, Exception]()
        images = task.scored.images(rows, self.backbone.size)
        truth = Truth(task, rows)
        maps, codes = self.source.enter(images)
        maps, rebuilt = self.source.scaled(maps), self.source.reconstruct(codes)
        gallery = BackboneGallery.of(
            self.recorder.folder.path, self.backbone.name, images.numpy(), truth.squares.numpy()
        )
        arrays: dict[str, NDArray[Any]] = {}
        for cell, module in modules.items():
            try:
                with plugin_call(cell.head, self.recorder.problem):
                    logits = logits_of(module, maps, task.plan.size, len(task.dataset.classes))
            except Exception as error:  # whatever a head raises, the others go on
                failures[cell] = error
                continue
            arrays[self.slices.column(cell)] = truth.confuse(logits)
            if number == 0:
                gallery.keep(cell, truth.shown(logits).numpy())
        if rebuilt is not None:
            arrays[ERRORS] = (rebuilt - images).square().mean((1, 2, 3)).sqrt().numpy()
        if number == 0 and self.shown:
            gallery.write(None if rebuilt is None else rebuilt.numpy())
        return arrays, failures
