"""Scores a group of a run, or records why it cannot be scored."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ... import UserError, counted, one_line
from ...backbones.backbone import Backbone, Frugal
from ..files import is_full
from ..flags import some
from ..plan import COPY, INSID3, SUPERVISED, Cell, file_name
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from ..plugins.code_identity import code_hash
from .backbone_run import BackboneRun
from .claims import MOMENT
from .episode_run import EpisodeRun
from .features import FeatureSource
from .groups import Group
from .headless import score_copy, score_supervised
from .insid3_cells import Insid3Cells
from .part_run import PartRun, counted_cells, writing
from .slice_store import SliceStore

if TYPE_CHECKING:
    from .runner import Runner

PATIENCE = 2.0
"""Seconds in which another part has written cells that are whole, if it lives."""


@dataclass(frozen=True)
class GroupScorer:
    """Scores groups of a run."""

    runner: Runner

    def score(self, group: Group) -> None:
        """Score the cells that a group has left, or its part of them."""
        name, work, recorder = group.backbone, self._work(group), self.runner.recorder
        cells = self.runner.cells_left(group)
        for other in work.parent.glob("*"):
            if other != work:
                shutil.rmtree(other, ignore_errors=True)
                recorder.problem(f"what a stopped run left of {name} is of other weights or code; it is made again")
        try:
            with plugin_call(self.runner.plan.dataset, recorder.problem):  # backbones and heads have calls of their own
                if cells := self._labelled(group, cells):
                    self._score(group, cells, work)
        except Exception as error:  # whatever a backbone raises, the rest of the grid goes on
            if is_full(error):
                raise
            self.fail(group, one_line(error))

    def _labelled(self, group: Group, cells: Sequence[Cell]) -> list[Cell]:
        """The cells whose shots have a label; the others fail before anything is described for them."""
        task, recorder = self.runner.task, self.runner.recorder
        if task.splits.episodes:  # which are made of the images that show their part
            return [*cells]
        blank = {one for one in {(cell.draw, cell.shots) for cell in cells} if not task.has_labels(*one)}
        with self._writing(group) if blank else nullcontext():
            for cell in (cell for cell in cells if (cell.draw, cell.shots) in blank):
                if not recorder.failed_since(cell, self.runner.since):
                    names = some([task.splits.pool.name(row) for row in task.manifest.shots(cell.draw, cell.shots)])
                    what = f"draw {cell.draw} with {counted(cell.shots, 'shot')} ({names}) has no labelled pixel"
                    recorder.failed(cell, f"{what}; label some, or choose other shots or another --fit")
        return [cell for cell in cells if (cell.draw, cell.shots) not in blank]

    def _writing(self, group: Group) -> AbstractContextManager[None]:
        """Write the cells of a group, of a part while no other part does."""
        runner = self.runner
        return writing(runner.claims, runner.recorder, group.backbone) if group.part else nullcontext()

    def fail(self, group: Group, reason: str) -> None:
        """Record what a group has left as failed; of a part that is all, since no cell is whole without it."""
        name, backbones, recorder = group.backbone, self.runner.backbones, self.runner.recorder
        provider = backbones[name].provider if name in backbones else "partbench"
        with self._writing(group):
            for cell in self.runner.cells_left(group):
                recorder.failed(cell, f"{name} ({provider}) failed: {reason}")

    def has_left(self, group: Group, cells: Sequence[Cell]) -> bool:
        """Whether a part has something to do for these cells.

        Cells that are whole are written at once by whoever counted the last of their slices; only if they are not, and
        nobody else is at work, or not for `PATIENCE`, this part has them to write.
        """
        runner, size = self.runner, self.runner.backbones[group.backbone].record.size
        count = len(runner.task.test_slices(size))
        store = SliceStore(runner.recorder, self._work(group), group.draws)
        own = group.own(count)
        if len(counted_cells(store, cells, own)) < len(cells):
            return True
        whole = {*counted_cells(store, cells, {*range(count)} - {*own})}
        until = time.monotonic() + PATIENCE
        while whole & {*runner.cells_left(group)}:
            if time.monotonic() > until or not runner.claims.others(f"{file_name(group.backbone)}--part-"):
                return True
            time.sleep(MOMENT)
        return False

    def _work(self, group: Group) -> Path:
        """Where units of work with a backbone are kept."""
        name = group.backbone
        return self.runner.folder.path / "units" / file_name(name) / self.runner.recorder.makers.units(name)

    def _score(self, group: Group, cells: Sequence[Cell], work: Path) -> None:
        name, recorder, room = group.backbone, self.runner.recorder, self.runner.room
        if self.runner.task.splits.episodes:
            self._episodes(name, cells, work)
        elif name == COPY:
            score_copy(recorder, cells)
        elif name == SUPERVISED:
            score_supervised(recorder, cells, self.runner.device, work)
        else:
            offer, source = self._open(name)
            if room and room.asked and not isinstance(source.extractor, Frugal):
                what = f"--memory limits the maps of shots that are held for {name}, and nothing else"
                recorder.problem(f"{what}: its network and the heads take what they take; partbench plan says how much")
            if name.startswith(INSID3):
                Insid3Cells(name, offer.provider, source, recorder).run(cells)
            else:
                self._run(group, offer, source, work).run(cells)

    def _run(self, group: Group, offer: Offer[Backbone], source: FeatureSource, work: Path) -> BackboneRun:
        run = self.runner
        facts = offer, source, run.heads, run.recorder, work, group
        return PartRun(*facts, claims=run.claims, since=run.since) if group.part else BackboneRun(*facts)

    def _open(self, name: str) -> tuple[Offer[Backbone], FeatureSource]:
        run, offer = self.runner, self.runner.backbones[name]
        code = code_hash(offer, wrapped=False)
        source = FeatureSource.open(offer.record, run.device, run.cache, run.room, run.recorder.problem, code)
        return offer, source

    def _episodes(self, name: str, cells: Sequence[Cell], work: Path) -> None:
        """One head for each episode."""
        if name == SUPERVISED:
            raise UserError("it learns from one set of shots, and every episode has its own; leave it out")
        offer, source = (None, None) if name == COPY else self._open(name)
        draws = tuple(dict.fromkeys(cell.draw for cell in cells))
        EpisodeRun(name, offer, source, self.runner.heads, self.runner.recorder, work, draws).run(cells)
