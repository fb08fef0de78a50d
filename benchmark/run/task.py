"""The data of a run, opened and drawn: which images are shots, which are scored, which give the scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ...datasets.dataset import IGNORE, Dataset, DatasetError, KeepsShape, Split, Splits
from ..contents import Contents, contents_hash, differences
from ..machine import slices
from ..plan import Cell, Plan, check_names
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from ..plugins.code_identity import code_hash
from ..plugins.discovery import PROJECT
from ..run_folder import RunFolder
from ..shots import ShotDraws, draw_shots
from .content import ContentReader
from .file_memory import FileMemory
from .pool_masks import PoolMasks

STATISTICS = 16
"""Unlabelled images that the scale of the features is taken from."""


@dataclass(frozen=True)
class SegmentationTask:
    """A dataset as one plan uses it."""

    dataset: Dataset
    plan: Plan
    splits: Splits
    code: str = ""
    """Hash of the code that reads a dataset which is none of ours."""

    @classmethod
    def of_offer(cls, offer: Offer[Dataset], plan: Plan) -> SegmentationTask:
        """Open the dataset of an offer; what others' code makes of files is content too."""
        ours = offer.module.startswith(f"{PROJECT}.")
        return cls.open(offer.record, plan, "" if ours else code_hash(offer))

    @classmethod
    def open(cls, dataset: Dataset, plan: Plan, code: str = "") -> SegmentationTask:
        """Open the dataset and make sure, before any compute, that the plan can be carried out."""
        dataset = dataset.fitted(plan.fit)
        with plugin_call(dataset.name):
            splits = dataset.load()
        task = cls(dataset, replace(plan, fit=dataset.fit), splits, code)
        check_names("class", dataset.classes, f"rename it in {dataset.name}")
        if max(plan.shots) > len(task.pool):
            enough = max(plan.shots) <= len(task.splits.pool)
            raise DatasetError(
                f"{dataset.name} has {len(task.pool)} labelled images to draw {max(plan.shots)} shots from; "
                f"{'raise --pool' if enough else 'label more'}, or ask for less with --shots"
            )
        if splits.episodes and (plan.shots, plan.draws) != ((1,), 1):
            raise DatasetError(f"{dataset.name} has one-shot episodes, drawn as published; add --shots 1 --draws 1")
        if plan.native and not isinstance(task.scored, KeepsShape):
            what = f"the {plan.split} images of {dataset.name} have no masks of a size and shape of their own"
            raise DatasetError(f"{what}; give --size a number of pixels")
        if not len(task.test):
            raise DatasetError(f"{dataset.name} has no {plan.split} images; add some to its {plan.split} split")
        for split, rows in ((splits.pool, task.pool), (task.scored, task.test)):
            check_names("image", map(split.name, rows), f"rename it in {dataset.name}")
        return task

    @cached_property
    def pool(self) -> range:
        return self.test if self.splits.episodes else range(min(self.plan.pool, len(self.splits.pool)))

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

    @property
    def reads(self) -> dict[str, tuple[Split, range]]:
        """All that a run reads, by the name of the split; what is `unlabelled` has no masks."""
        splits = {"pool": (self.splits.pool, self.pool), self.plan.split: (self.scored, self.test)}
        if unlabelled := self.splits.unlabelled:
            splits["unlabelled"] = unlabelled, range(min(STATISTICS, len(unlabelled)))
        return splits

    @cached_property
    def data(self) -> str:
        """Tells the images, masks and classes of this task from every other, so that scores are never mixed."""
        return contents_hash(self.dataset.classes, self.dataset.excluded, self.contents)

    @cached_property
    def contents(self) -> Contents:
        """Digests of all that shots, scores and the scale of the features come from."""
        return self.read_contents(lambda count: None)

    def read_contents(self, report: Callable[[int], None]) -> Contents:
        """Read them; `report` hears of each few images."""
        size, native = self.plan.size, self.plan.native
        memory = self.memory(f"{size}{' native' * native}", self.dataset.fit)
        reader = ContentReader(memory, size, native, self.code)
        vars(self)["contents"] = reader.read(self.reads, report)
        return self.contents

    def memory(self, what: str, fit: str) -> FileMemory:
        """What is remembered of these images, as they are with a fit, when this is looked for."""
        return FileMemory(f"{self.dataset.name} {fit} {what}{self.code}")

    def check_folder(self, folder: RunFolder) -> None:
        """Refuse to add to a run of another protocol, or of images, masks or classes that are not these."""
        there = folder.plan_file.exists()
        earlier, classes = (folder.read_contents(), folder.read_classes()) if there else ({}, ())
        difference = differences(earlier, self.contents) if earlier else ""
        if classes and classes != self.dataset.classes:
            now, then = (", ".join(names) for names in (self.dataset.classes, classes))
            difference = f"other classes than those scored ({now}, not {then})"
        folder.check_same(self.plan, self.data, difference)

    def of(self, plan: Plan) -> SegmentationTask:
        """The same data as a plan uses it that crosses other things."""
        task = replace(self, plan=plan)
        vars(task)["contents"] = self.contents  # where the property keeps it
        if plan.size == self.plan.size:
            vars(task)["pool_masks"] = self.pool_masks
        return task

    @cached_property
    def pool_masks(self) -> PoolMasks:
        """The masks of the pool, and what is shown there."""
        return PoolMasks(self.splits.pool, self.plan.size)

    @cached_property
    def manifest(self) -> ShotDraws:
        """The draws of shots, the same for every backbone; of episodes, one with the supports of all."""
        if self.splits.episodes:
            return ShotDraws((tuple(self.pool),), (tuple(map(self.splits.pool.name, self.pool)),))
        present = self.pool_masks.classes(self.pool)
        draws = draw_shots(present, max(self.plan.shots), self.plan.draws, self.plan.seed)
        names = tuple(tuple(self.splits.pool.name(i) for i in draw) for draw in draws)
        return ShotDraws(tuple(draws), names)

    def shot_masks(self, draw: int, shots: int) -> Tensor:
        """Masks (shots, S, S) of a draw."""
        return self.pool_masks.of(self.manifest.shots(draw, shots))

    def has_labels(self, draw: int, shots: int) -> bool:
        """Whether some pixel of a draw has a label; its masks are read up to the first that has one."""
        return any((self.pool_masks.of([row]) != IGNORE).any() for row in self.manifest.shots(draw, shots))

    def seen(self, cell: Cell) -> str:
        """A hash of the images that the heads of a cell learn from."""
        return self.manifest.seen(cell.draw, len(self.pool) if self.splits.episodes else cell.shots)

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
