"""Counts what trained heads predict of the test images: a slice of them after the other, read once for all heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from torch import nn

from ...backbones.backbone import Backbone
from ...heads.head import Head
from ...heads.stack import why_predicts_alone
from ..gallery import BackboneGallery
from ..plan import Cell
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from .features import FeatureSource
from .recorder import RunRecorder
from .slice_store import SliceStore
from .stack_groups import stack_groups
from .stack_scores import Counted, SliceReading
from .target_masks import Truth

ERRORS = "reconstruction error"
"""Name of an array beside the confusions of a slice; a cell's has more hyphens."""


@dataclass(frozen=True)
class SliceScores:
    """Scores the heads of one backbone."""

    backbone: Backbone
    heads: Mapping[str, Offer[Head]]
    source: FeatureSource
    recorder: RunRecorder
    slices: SliceStore
    counted: str
    """What they are counted for, in the journal: the backbone, or some of its draws."""
    shown: bool
    """Whether predictions of the first slice become pictures; another worker may be writing those of other draws."""
    stacks: bool | None = None
    """Whether heads of one kind predict together; None: on CUDA. A CPU is as busy with each by itself."""
    apart: set[str] = field(default_factory=set)
    """Heads that failed together and predict by themselves from then on."""

    def score(
        self, number: int, rows: list[int], modules: Mapping[Cell, nn.Module]
    ) -> tuple[Mapping[str, NDArray[Any]], Mapping[Cell, Exception]]:
        """Arrays of one slice of the test images, and the heads that failed on it; kept ones are not made again."""
        arrays, failures = self.slices.read(number), dict[Cell, Exception]()
        if new := {cell: module for cell, module in modules.items() if self.slices.column(cell) not in arrays}:
            made, failures = self._confuse(number, rows, new)
            arrays = {**arrays, **made}
            self.slices.write(number, arrays)
            self.recorder.journal("score", f"{self.counted} {number}")
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
        arrays, reading = dict[str, NDArray[Any]](), SliceReading(maps, truth, self.source.room)
        for group in stack_groups(list(modules), self.heads, why_predicts_alone, self._alone, self.recorder.problem):
            shown = [number == 0 and gallery.shows(cell) for cell in group]
            for cell, found in self._counted(group, [modules[cell] for cell in group], reading, shown).items():
                if isinstance(found, Exception):
                    failures[cell] = found
                    continue
                arrays[self.slices.column(cell)] = found.confusion
                if found.guess is not None:
                    gallery.keep(cell, truth.shown(found.guess).numpy())
        if rebuilt is not None:
            arrays[ERRORS] = (rebuilt - images).square().mean((1, 2, 3)).sqrt().numpy()
        if number == 0 and self.shown:
            gallery.write(None if rebuilt is None else rebuilt.numpy())
        return arrays, failures

    def _alone(self, cell: Cell) -> bool:
        """Whether a head predicts by itself, of whatever kind it is."""
        stacks = self.source.device.type == "cuda" if self.stacks is None else self.stacks
        return not stacks or cell.head in self.apart

    def _counted(
        self, group: Sequence[Cell], modules: Sequence[nn.Module], reading: SliceReading, shown: Sequence[bool]
    ) -> dict[Cell, Counted | Exception]:
        """What the heads of a group predict, or why one does not: each by itself where they fail together."""
        if len(group) > 1:
            try:
                with plugin_call(group[0].head, self.recorder.problem):
                    return dict(zip(group, reading.together(modules, shown), strict=True))
            except Exception:  # each says by itself what it is
                self.apart.add(group[0].head)
        found = dict[Cell, Counted | Exception]()
        for cell, module, one in zip(group, modules, shown, strict=True):
            try:
                with plugin_call(cell.head, self.recorder.problem):
                    logits = reading.alone(module)
            except Exception as error:  # whatever a head raises, the others go on
                found[cell] = error
            else:
                found[cell] = reading.counted(logits, one)
        return found
