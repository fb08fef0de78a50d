"""The runner: carries out a plan, one backbone after the other, and resumes a killed run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import one_hot

from ... import UserError, one_line
from ...backbones.backbone import Backbone, Frugal
from ...heads.head import Head
from ..files import is_full, writable
from ..gallery import ShotPictures, first_shots, keep_shots, read_shots
from ..machine import MemoryLimit
from ..metrics.confusion import Confusion
from ..plan import COPY, SUPERVISED, Cell, Plan, file_name
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from ..plugins.code_identity import code_hash
from ..reporter import Listener
from ..run_folder import RunFolder
from .backbone_order import Turns
from .backbone_run import BackboneRun
from .contamination import run_guards
from .episode_run import EpisodeRun
from .features import FeatureSource
from .makers import Makers
from .recorder import RunRecorder
from .segmenter_cells import UNITS, ProgressMeter, SegmenterCells, SupervisedCells
from .target_masks import Truth
from .task import SegmentationTask, mode_of


@dataclass
class Runner:
    """Carries out one plan."""

    plan: Plan
    task: SegmentationTask
    backbones: Mapping[str, Offer[Backbone]]
    heads: Mapping[str, Offer[Head]]
    folder: RunFolder
    device: torch.device
    cache: Path
    facts: Mapping[str, Any]
    """Versions and hardware, for every result."""
    reporter: Listener = field(default_factory=Listener)
    room: MemoryLimit | None = None
    """The memory that the run may take; None: as much as it likes."""
    apart: Callable[[str, Listener], str] | None = None
    """Scores the backbone of a name in a process of its own; how that ended before it was done, '' if it did not."""

    def run(self) -> None:
        """Compute every cell that has no score yet; a backbone or a head that fails leaves the others alone."""
        with plugin_call(self.plan.dataset, self.reporter.problem):
            self.task.check_folder(self.folder)
        left = [name for name in self.plan.backbones if self._left(name)]
        self.recorder.tell_outdated()
        if not left and not writable(self.folder.path):  # a run that is finished can be looked at
            self.reporter.problem(f"{self.folder.path} cannot be written to, and nothing is left to do there")
            return
        with plugin_call(self.plan.dataset, self.reporter.problem):
            whole = self._write_plan()
        complete = False
        self.reporter.run_started(self.plan, self.folder)
        try:
            self._guard(whole)
            for name in self.plan.backbones:
                if name not in left:
                    self.reporter.finish(name)
            apart = self._score_apart if self.apart else None
            complete = Turns(self.folder.path / "units", self.score, apart, self.recorder.problem).take(left)
        finally:
            self.reporter.run_finished(self.folder, complete)

    @cached_property
    def recorder(self) -> RunRecorder:
        return RunRecorder(self.task, self.folder, self.facts, self.reporter, Makers(self.backbones, self.heads))

    def _left(self, name: str) -> list[Cell]:
        """The cells of a backbone that have no score of the weights and the code of now."""
        return [cell for cell in self.plan.cells() if cell.backbone == name and not self.recorder.done(cell)]

    def _write_plan(self) -> SegmentationTask:
        """Note what the folder holds from now on: what it held, and the cells of this plan; the task of all of it."""
        plan = replace(self.plan, fit=self.task.dataset.fit)
        plan = self.folder.read_plan().union(plan) if self.folder.plan_file.exists() else plan
        task = self.task.of(plan)
        facts = {**self.facts, "data": task.data, "shots": task.manifest.names, "contents": task.contents}
        facts |= {"classes": task.dataset.classes, "excluded": sorted(task.dataset.excluded), "images": len(task.test)}
        self.folder.write_plan(plan, facts)
        try:
            with plugin_call(plan.dataset, self.reporter.problem):
                self._keep_shots(task)
        except Exception as error:  # scores need no pictures, and whatever cannot be read is said where it is needed
            self.reporter.problem(f"no pictures of the shots are kept: {one_line(error)}")
        return task

    def _guard(self, whole: SegmentationTask) -> None:
        """See whether the images are what scores need them to be; guards that fail leave the scores alone."""
        records = {name: self.backbones[name].record for name in self.plan.backbones if name in self.backbones}
        try:
            with plugin_call(self.plan.dataset, self.recorder.problem):
                run_guards(self.folder.path, whole, records)
        except Exception as error:  # an image that nobody scores may be broken
            self.recorder.problem(
                f"the guards could not look at all images ({one_line(error)}); the next run tries again"
            )

    def _keep_shots(self, task: SegmentationTask) -> None:
        """Keep pictures of the shots that each draw begins with, for `partbench lottery`."""
        rows, pool = first_shots(task.manifest.draws, min(task.plan.shots)), task.splits.pool
        names, stored = tuple(pool.name(row) for row in rows), read_shots(self.folder.path)
        if stored is None or stored.names != names:
            images, masks = (read(rows, task.plan.size).numpy() for read in (pool.images, pool.masks))
            keep_shots(self.folder.path, ShotPictures.of(names, images, masks))

    def score(self, name: str) -> None:
        """Score the cells that one backbone has left."""
        cells, recorder = self._left(name), self.recorder
        work = self.folder.path / "units" / file_name(name) / recorder.makers.units(name)
        for other in work.parent.glob("*"):
            if other != work:
                shutil.rmtree(other, ignore_errors=True)
                recorder.problem(f"what a stopped run left of {name} is of other weights or code; it is made again")
        try:
            with plugin_call(self.plan.dataset, recorder.problem):  # backbones and heads have calls of their own
                self._score(name, cells, work)
        except Exception as error:  # whatever a backbone raises, the rest of the grid goes on
            if is_full(error):
                raise
            self._give_up(name, one_line(error))
        # Every cell has its result, be it a failure, which the next run tries from the start: it may be mended by then.
        shutil.rmtree(work.parent, ignore_errors=True)
        self.reporter.finish(name)

    def _give_up(self, name: str, reason: str) -> None:
        """Record what a backbone has left as failed."""
        provider = self.backbones[name].provider if name in self.backbones else "partbench"
        for cell in self._left(name):
            self.recorder.failed(cell, f"{name} ({provider}) failed: {reason}")

    def _score_apart(self, name: str) -> bool:
        """Score one backbone in a process of its own; whether that process came to its end."""
        assert self.apart
        if ended := self.apart(name, self.reporter):
            self._give_up(name, f"its process {ended}; what is left of it is tried again by the next run")
            self.reporter.finish(name)
        return not ended

    def _score(self, name: str, cells: Sequence[Cell], work: Path) -> None:
        recorder = self.recorder
        if self.task.splits.episodes:
            self._episodes(name, cells, work)
        elif name == COPY:
            self._copy(cells)
        elif name == SUPERVISED:
            self._supervised(cells, work)
        else:
            offer, source = self._open(name)
            if self.room and self.room.asked and not isinstance(source.extractor, Frugal):
                what = f"--memory limits the maps of shots that are held for {name}, and nothing else"
                recorder.problem(f"{what}: its network and the heads take what they take; partbench plan says how much")
            BackboneRun(offer, source, self.heads, recorder, work).run(cells)

    def _open(self, name: str) -> tuple[Offer[Backbone], FeatureSource]:
        offer = self.backbones[name]
        code = code_hash(offer, wrapped=False)
        source = FeatureSource.open(offer.record, self.device, self.cache, self.room, self.recorder.problem, code)
        return offer, source

    def _episodes(self, name: str, cells: Sequence[Cell], work: Path) -> None:
        """One head for each episode."""
        if name == SUPERVISED:
            raise UserError("it learns from one set of shots, and every episode has its own; leave it out")
        offer, source = (None, None) if name == COPY else self._open(name)
        EpisodeRun(name, offer, source, self.heads, self.recorder, work).run(cells)

    def _copy(self, cells: Sequence[Cell]) -> None:
        """The control that predicts the training mask, whatever the image."""
        task, classes = self.task, len(self.task.dataset.classes)
        self.reporter.start(COPY, len(cells))
        parts: dict[Cell, list[Confusion]] = {cell: [] for cell in cells}
        guesses = {cell: mode_of(task.shot_masks(cell.draw, cell.shots), classes) for cell in cells}
        for rows in task.test_slices(self.plan.size):
            truth = Truth(task, rows)
            for cell, guess in guesses.items():
                logits = one_hot(guess, classes).movedim(-1, 0).float()
                parts[cell].append(truth.confuse(logits.expand(len(rows), -1, -1, -1)))
        for cell, confusions in parts.items():
            self.recorder.scored(cell, np.concatenate(confusions), {"provider": "partbench"})
            self.reporter.unit(COPY, cell.slug)

    def _supervised(self, cells: Sequence[Cell], work: Path) -> None:
        """The control that learns from labels alone."""
        self.reporter.start(SUPERVISED, UNITS * len(cells))
        supervised = SupervisedCells(self.task, SegmenterCells(self.recorder, self.device, work, self.plan.size))
        for cell in cells:
            supervised.run(cell, ProgressMeter(UNITS, lambda what: self.reporter.unit(SUPERVISED, what)))
