"""The data of a run, opened and drawn: which images are shots, which are scored, which give the scale."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ...datasets.dataset import IGNORE, Dataset, DatasetError, Split, Splits
from ..calls import plugin_call
from ..machine import slices
from ..plan import Plan
from ..shots import ShotDraws, draw_shots

STATISTICS = 16
"""Unlabelled images that the scale of the features is taken from."""


@dataclass(frozen=True)
class SegmentationTask:
    """A dataset as one plan uses it."""

    dataset: Dataset
    plan: Plan
    splits: Splits

    @classmethod
    def open(cls, dataset: Dataset, plan: Plan) -> SegmentationTask:
        """Open the dataset and make sure, before any compute, that the plan can be carried out."""
        with plugin_call(dataset.name):
            splits = dataset.load()
        task = cls(dataset, plan, splits)
        if max(plan.shots) > len(task.pool):
            enough = max(plan.shots) <= len(task.splits.pool)
            raise DatasetError(
                f"{dataset.name} has {len(task.pool)} labelled images to draw {max(plan.shots)} shots from; "
                f"{'raise --pool' if enough else 'label more'}, or ask for less with --shots"
            )
        if not len(task.test):
            raise DatasetError(f"{dataset.name} has no {plan.split} images; add some to its {plan.split} split")
        return task

    @cached_property
    def pool(self) -> range:
        return range(min(self.plan.pool, len(self.splits.pool)))

    @cached_property
    def scored(self) -> Split:
        """The split whose images are scored."""
        split: Split | None = getattr(self.splits, self.plan.split)
        if split is None:
            raise DatasetError(f"{self.dataset.name} has no split {self.plan.split!r}; leave --split out")
        return split

    @cached_property
    def test(self) -> range:
        return range(min(self.plan.test, len(self.scored)))

    @cached_property
    def data(self) -> str:
        """Tells the images and classes of this task from every other, so that scores of two are never mixed."""
        names = [
            [split.name(i) for i in rows] for split, rows in ((self.splits.pool, self.pool), (self.scored, self.test))
        ]
        return hashlib.sha256(json.dumps([self.dataset.classes, *names]).encode()).hexdigest()[:16]

    def of(self, plan: Plan) -> SegmentationTask:
        """The same data as another plan uses it."""
        return replace(self, plan=plan)

    @cached_property
    def manifest(self) -> ShotDraws:
        """The draws of shots, the same for every backbone."""
        masks = self.splits.pool.masks(list(self.pool), self.plan.size)
        present = [frozenset(m.unique().tolist()) - {IGNORE} for m in masks]
        draws = draw_shots(present, max(self.plan.shots), self.plan.draws, self.plan.seed)
        names = tuple(tuple(self.splits.pool.name(i) for i in draw) for draw in draws)
        return ShotDraws(tuple(draws), names)

    def shot_masks(self, draw: int, shots: int) -> Tensor:
        """Masks (shots, S, S) of a draw."""
        return self.splits.pool.masks(self.manifest.shots(draw, shots), self.plan.size)

    def shot_slices(self, size: int) -> list[list[int]]:
        """Every pool image that some draw uses, in slices."""
        used = sorted({i for draw in self.manifest.draws for i in draw})
        return slices(used, size)

    def test_slices(self, size: int) -> list[list[int]]:
        """The test images in slices."""
        return slices(self.test, size)

    def statistics(self, size: int) -> list[Tensor]:
        """Images (n, 3, size, size) that the scale of the features is taken from, never test images."""
        split = self.splits.unlabelled or self.splits.pool
        count = min(STATISTICS, len(split), len(split) if self.splits.unlabelled else len(self.pool))
        return [split.images(rows, size) for rows in slices(range(count), size)]


def mode_of(masks: Tensor, classes: int) -> Tensor:
    """The most frequent class (S, S) of every pixel of masks (n, S, S): the control `copy`."""
    votes = torch.stack([(masks == k).sum(0) for k in range(classes)])
    return votes.argmax(0)
