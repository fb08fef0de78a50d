"""Cells scored by a segmenter, which is trained on pairs and stored in the run's folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...heads.head import likeliest
from ..gallery import BackboneGallery
from ..machine import slices
from ..metrics.confusion import Confusion
from ..plan import PROTOCOL, Cell
from ..segment.model import Segmenter, SegmenterError, train_segmenter
from ..segment.pairs import Pairs, TensorPairs
from ..segment.recipe import RECIPES
from .recorder import RunRecorder
from .target_masks import Truth
from .task import SegmentationTask

SEGMENTERS = "segmenters"
"""Folder of a run with the segmenter of every cell that has one."""
UNITS = 20
"""Of work that a cell counts as."""
SAMPLED = 0.2
"""Share of them for making the pairs; nearly all others are the training."""

ReportProgress = Callable[[float, str], None]
"""Told which share of a work is done, and what."""


def segmenter_file(run: Path, cell: Cell) -> Path:
    """Where the segmenter of a cell is kept."""
    return run / SEGMENTERS / f"{cell.slug}.safetensors"


class ProgressMeter:
    """Converts fractions of work done into progress units."""

    def __init__(self, units: int, report: Callable[[str], None]) -> None:
        self.units, self.report, self.reported = units, report, 0

    def __call__(self, share: float, what: str) -> None:
        while self.reported < int(share * self.units):
            self.reported += 1
            self.report(what)


@dataclass
class SegmenterCells:
    """Trains, keeps and scores segmenters."""

    recorder: RunRecorder
    device: torch.device
    work: Path
    """Pairs and checkpoints, until their cell is scored."""
    shown: int
    """Side of the pictures that are kept of test images, pixels."""

    def run(
        self,
        cell: Cell,
        pairs: Callable[[ReportProgress], Pairs],
        card: Mapping[str, str],
        facts: Mapping[str, Any],
        report: ReportProgress,
    ) -> None:
        """Score a cell by the segmenter that learns from these pairs, or by the one that a stopped run left.

        `facts` go into its provenance.
        """
        segmenter = self._segmenter(cell, pairs, card, report)
        confusion, seconds = self._score(cell, segmenter)
        own = {"provider": "partbench", "seconds per image": round(seconds, 5), "segmenter": dict(segmenter.card)}
        self.recorder.scored(cell, confusion, {**facts, **own})
        shutil.rmtree(self.place(cell), ignore_errors=True)
        report(1.0, cell.slug)

    def place(self, cell: Cell) -> Path:
        """Where pairs are kept, and beside it the training: those of other code of the head are others."""
        return self.work / f"{cell.slug}-{self.recorder.makers.head_code(cell.head)}"

    def _segmenter(
        self, cell: Cell, pairs: Callable[[ReportProgress], Pairs], card: Mapping[str, str], report: ReportProgress
    ) -> Segmenter:
        file, card = segmenter_file(self.recorder.folder.path, cell), self._card(cell, card)
        if (stored := self._stored(file, card)) is not None:
            return stored.to(self.device)
        task = self.recorder.task
        made = pairs(lambda share, what: report(SAMPLED * share, what))
        segmenter = train_segmenter(
            made,
            task.dataset.classes,
            RECIPES[task.plan.schedule],
            cell.seed(task.plan.seed),
            self.device,
            card,
            lambda done, total: report(SAMPLED + 0.95 * (1 - SAMPLED) * done / total, f"{cell.slug} step {done}"),
            self.place(cell).with_name(f"{self.place(cell).name}.ckpt"),
            self.recorder.problem,
        )
        segmenter.save(file)
        self.recorder.journal("segmenter", cell.slug)
        return segmenter

    def _stored(self, file: Path, card: Mapping[str, str]) -> Segmenter | None:
        """The segmenter in a file, if it was made in the same way."""
        if not file.exists():
            return None
        try:
            stored = Segmenter.load(file)
        except SegmenterError as error:
            self.recorder.problem(f"{str(error).partition('; ')[0]}; it is made again")
            return None
        return stored if dict(stored.card) == dict(card) else None

    def _card(self, cell: Cell, card: Mapping[str, str]) -> dict[str, str]:
        """How the segmenter of a cell is made; with the same card an earlier one is the same."""
        task = self.recorder.task
        facts = {
            "dataset": task.dataset.name,
            "shots": str(cell.shots),
            "draw": str(cell.draw),
            "fit": task.dataset.fit,
        }
        facts |= {f"code of {noun}": code for noun, code in self.recorder.makers.code(cell).items()}
        recipe = ", ".join(f"{name} {value}" for name, value in asdict(RECIPES[task.plan.schedule]).items())
        protocol = {"plan": task.plan.hash, "protocol": str(PROTOCOL), "data": task.data}
        return {**card, **facts, "recipe": recipe, **protocol, "names": task.manifest.seen(cell.draw, cell.shots)}

    def _score(self, cell: Cell, segmenter: Segmenter) -> tuple[Confusion, float]:
        """Confusions of all test images, and the seconds that one takes."""
        task = self.recorder.task
        parts, seconds, side = [], 0.0, task.plan.size
        first = task.test_slices(self.shown)[0]
        shown = task.scored.images(first, self.shown).numpy()
        gallery = BackboneGallery.of(
            self.recorder.folder.path, cell.backbone, shown, task.scored.masks(first, side).numpy()
        )
        for number, rows in enumerate(slices(task.test, max(side, self.shown))):
            images, truth = task.scored.images(rows, side), Truth(task, rows)
            start = time.perf_counter()
            logits = segmenter(images).cpu()
            seconds += time.perf_counter() - start
            parts.append(truth.confuse(logits))
            if number == 0:
                gallery.keep(cell, truth.shown(likeliest(logits)).numpy())
        if cell.draw == 0:  # of the others nothing is shown, and another worker may be writing
            gallery.write(None)
        return np.concatenate(parts), seconds / len(task.test)


@dataclass
class SupervisedCells:
    """Scores the cells of the control `supervised`."""

    task: SegmentationTask
    one_pass: SegmenterCells

    def run(self, cell: Cell, report: ReportProgress) -> None:
        """Learn from the masks of a draw, and score."""
        self.one_pass.run(cell, lambda report: self.pairs(cell), {"backbone": cell.backbone}, {"weights": None}, report)

    def pairs(self, cell: Cell) -> Pairs:
        """The labelled images of a draw, images and masks as bytes."""
        rows, size = self.task.manifest.shots(cell.draw, cell.shots), self.task.plan.size
        images = (self.task.splits.pool.images(rows, size) * 255).round().byte()
        return TensorPairs(images, self.task.shot_masks(cell.draw, cell.shots).byte())
