"""The runner: carries out a plan, group after group, and resumes a killed run; others may share its folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ... import one_line
from ...backbones.backbone import Backbone
from ...heads.head import Head
from ..files import HOUR, remove_parts, writable
from ..machine import MemoryLimit
from ..plan import Cell, Plan, file_name
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from ..reporter import Listener
from ..run_folder import RunFolder
from ..stored_run import mirror_of
from .claim_files import WHOLE, disk_time
from .claims import Claims
from .contamination import run_guards
from .engine import Engine
from .first_shots import keep_first_shots
from .group_scorer import GroupScorer
from .groups import Group
from .in_process import InThisProcess
from .journal import Journal
from .makers import Makers
from .recorder import RunRecorder
from .relay import Relayed
from .shared_heads import HEADS
from .slice_store import OF_PARTS
from .task import SegmentationTask
from .turns import Turns


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
    groups: Sequence[Group] = ()
    """What this run does of the plan; empty: a group for every backbone, in the order of the plan."""
    engine: Engine | None = None
    """What does the groups; None: this process, one after the other."""
    since: float | None = None
    """When the run began, as its disk has it: a failure of later is not tried again."""

    def run(self) -> None:
        """Compute every cell that has no score yet; a backbone or a head that fails leaves the others alone."""
        with plugin_call(self.plan.dataset, self.reporter.problem):
            self.task.check_folder(self.folder)
        groups = self.groups or [Group(name, tuple(range(self.plan.draws))) for name in self.plan.backbones]
        left = [group for group in groups if self.cells_left(group)]
        self.recorder.tell_outdated()
        if not left and not writable(self.folder.path):  # a run that is finished can be looked at
            self.reporter.problem(f"{self.folder.path} cannot be written to, and nothing is left to do there")
            return
        self.folder.path.mkdir(parents=True, exist_ok=True)
        remove_parts(self.folder.path, HOUR)
        self.since = disk_time(self.claims.folder)
        with plugin_call(self.plan.dataset, self.reporter.problem), self.claims.held(WHOLE, self.recorder.problem):
            self._write_plan()
        complete = False
        self.reporter.run_started(self.plan, self.folder)
        try:
            with self.claims.held(WHOLE, self.recorder.problem):
                self._guard(self.task.of(self.folder.read_plan()))
            self.claims.settle(group.claims for group in groups if group not in left)
            for name in dict.fromkeys(group.backbone for group in groups):
                if all(group.backbone != name for group in left):
                    self.reporter.finish(name)
            complete = self.take(left)
        finally:
            self.reporter.run_finished(self.folder, complete)

    def take(self, groups: Sequence[Group]) -> bool:
        """Have all groups done; False if some were skipped."""
        problem, journal = self.recorder.problem, Journal(self.folder.path)
        turns = Turns(groups, self.claims, lambda group: bool(self.left(group)), self._finished, problem, journal)
        try:
            if self.engine:
                return self.engine.take(self, turns)
            return InThisProcess(self.score, None, self.give_up).take(turns)
        finally:
            turns.leave()

    def _finished(self, name: str, tidy: bool) -> None:
        """Nothing is left of a backbone: every cell has its result, be it a failure, which is tried from the start."""
        units = self.folder.path / "units" / file_name(name)
        if tidy and not self.claims.others(f"{file_name(name)}--") and not self._wanted(name, units):
            shutil.rmtree(units, ignore_errors=True)
        dead = [claimed for claimed in self.claims.names(f"{file_name(name)}--") if HEADS in claimed]
        self.claims.settle((claimed,) for claimed in dead)
        self.reporter.finish(name)

    def _wanted(self, name: str, units: Path) -> bool:
        """Whether units of a backbone are some that nobody is at work with, and that cells are yet to be written of."""
        if not any(units.rglob(OF_PARTS)):
            return False
        cells = (cell for cell in self.folder.read_plan().cells() if cell.backbone == name)
        missing = any(not self.folder.cell_file(cell).exists() for cell in cells)
        return missing or bool(self.cells_left(Group(name, tuple(range(self.plan.draws)))))

    @cached_property
    def claims(self) -> Claims:
        return Claims(self.folder.path, mirror=mirror_of(self.folder.path))

    @cached_property
    def recorder(self) -> RunRecorder:
        return RunRecorder(self.task, self.folder, self.facts, self.reporter, Makers(self.backbones, self.heads))

    @cached_property
    def relayed(self) -> Listener:
        """Hears what other processes say of this run: of what several notice it is told once."""
        return Relayed(self.reporter, self.recorder)

    def left(self, group: Group) -> list[Cell]:
        """The cells that a group, or its part, has something to do for."""
        cells = self.cells_left(group)
        return cells if not group.part or GroupScorer(self).has_left(group, cells) else []

    def cells_left(self, group: Group) -> list[Cell]:
        """The cells of a group that have no score of the weights and the code of now, and did not fail meanwhile."""
        done, failed = self.recorder.done, self.recorder.failed_since
        return [cell for cell in group.cells(self.plan) if not done(cell) and not failed(cell, self.since)]

    def _write_plan(self) -> None:
        """Note what the folder holds from now on: what it held, and the cells of this plan."""
        self.task.check_folder(self.folder)  # again: another run may have begun since
        plan = replace(self.plan, fit=self.task.dataset.fit)
        plan = self.folder.read_plan().union(plan) if self.folder.plan_file.exists() else plan
        task = self.task.of(plan)
        facts = {**self.facts, "data": task.data, "shots": task.manifest.names, "contents": task.contents}
        facts |= {"classes": task.dataset.classes, "excluded": sorted(task.dataset.excluded), "images": len(task.test)}
        self.folder.write_plan(plan, facts)
        try:
            with plugin_call(plan.dataset, self.reporter.problem):
                keep_first_shots(task, self.folder.path)
        except Exception as error:  # scores need no pictures, and whatever cannot be read is said where it is needed
            self.reporter.problem(f"no pictures of the shots are kept: {one_line(error)}")

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

    def score(self, group: Group) -> None:
        """Score the cells that a group has left, or its part of them."""
        GroupScorer(self).score(group)

    def give_up(self, group: Group, how: str) -> None:
        """Record what a group has left as failed, which ended every process that did it, the last one so."""
        GroupScorer(self).fail(group, f"its process {how}; what is left of it is tried again by the next run")
