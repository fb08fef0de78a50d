"""The runner: carries out a plan, group after group, and resumes a killed run; others may share its folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ... import UserError, one_line
from ...backbones.backbone import Backbone, Frugal
from ...heads.head import Head
from ..files import HOUR, is_full, remove_parts, writable
from ..machine import MemoryLimit
from ..plan import COPY, INSID3, SUPERVISED, Cell, Plan, file_name
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from ..plugins.code_identity import code_hash
from ..reporter import Listener
from ..run_folder import RunFolder
from ..stored_run import mirror_of
from .backbone_run import BackboneRun
from .claim_files import WHOLE, disk_time
from .claims import Claims
from .contamination import run_guards
from .episode_run import EpisodeRun
from .features import FeatureSource
from .first_shots import keep_first_shots
from .groups import Group
from .headless import score_copy, score_supervised
from .in_process import InThisProcess
from .insid3_cells import Insid3Cells
from .journal import Journal
from .makers import Makers
from .recorder import RunRecorder
from .relay import Relayed
from .task import SegmentationTask
from .turns import Engine, Turns


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
        left = [group for group in groups if self.left(group)]
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
        if self.engine:
            return self.engine.take(self, turns)
        return InThisProcess(self.score, None, self.give_up).take(turns)

    def _finished(self, name: str, tidy: bool) -> None:
        """Nothing is left of a backbone: every cell has its result, be it a failure, which is tried from the start."""
        if tidy and not self.claims.others(f"{file_name(name)}--"):
            shutil.rmtree(self.folder.path / "units" / file_name(name), ignore_errors=True)
        self.reporter.finish(name)

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
        """Score the cells that a group has left."""
        name, cells, recorder = group.backbone, self.left(group), self.recorder
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
            self._fail(group, one_line(error))

    def give_up(self, group: Group, how: str) -> None:
        """Record what a group has left as failed, which ended every process that did it, the last one so."""
        self._fail(group, f"its process {how}; what is left of it is tried again by the next run")

    def _fail(self, group: Group, reason: str) -> None:
        """Record what a group has left as failed."""
        name = group.backbone
        provider = self.backbones[name].provider if name in self.backbones else "partbench"
        for cell in self.left(group):
            self.recorder.failed(cell, f"{name} ({provider}) failed: {reason}")

    def _score(self, name: str, cells: Sequence[Cell], work: Path) -> None:
        recorder = self.recorder
        if self.task.splits.episodes:
            self._episodes(name, cells, work)
        elif name == COPY:
            score_copy(recorder, cells)
        elif name == SUPERVISED:
            score_supervised(recorder, cells, self.device, work)
        else:
            offer, source = self._open(name)
            if self.room and self.room.asked and not isinstance(source.extractor, Frugal):
                what = f"--memory limits the maps of shots that are held for {name}, and nothing else"
                recorder.problem(f"{what}: its network and the heads take what they take; partbench plan says how much")
            if name.startswith(INSID3):
                Insid3Cells(name, offer.provider, source, recorder).run(cells)
            else:
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
        draws = tuple(dict.fromkeys(cell.draw for cell in cells))
        EpisodeRun(name, offer, source, self.heads, self.recorder, work, draws).run(cells)
