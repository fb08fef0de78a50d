"""Workers on other machines, which take the turns of a run between them; whoever rents them out is a `Cluster`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..run.engine import keep_busy
from ..run.groups import Group
from ..run.runner import Runner
from ..run.turns import PAUSE, Turn, Turns
from .demands import Demand
from .recipe import RunRecipe
from .told import Ears


@dataclass(frozen=True)
class End:
    """How a worker ended what it was given."""

    how: str = ""
    """'' if it did it; else as `was ended by SIGKILL`."""
    machine: bool = False
    """Whether its machine was lost, which says nothing of the group."""
    error: Exception | None = None
    """What no group is to blame for, as a full disk: it ends the run."""


class Cluster(Protocol):
    """Machines on which workers are to be had."""

    def fits(self, demands: Sequence[Demand]) -> bool:
        """Whether there is room for all of these at the same time."""

    def start(self, recipe: RunRecipe, group: Group, demand: Demand, apart: bool, told: Path) -> Any:
        """Have a group done, `apart` in a process of its own within the worker's; gives what stands for it."""

    def wait(self, jobs: Sequence[Any]) -> Mapping[Any, End]:
        """Wait until one of them has ended, or a moment; those that have."""

    def close(self, jobs: Sequence[Any]) -> None:
        """End these, and leave."""


@dataclass(frozen=True)
class Fleet:
    """As many workers as a cluster has room for."""

    recipe: RunRecipe
    cluster: Cluster
    demand: Callable[[Group], Demand]

    def take(self, runner: Runner, turns: Turns) -> bool:
        """Have all groups done."""
        ears = Ears(runner.folder, runner.relayed)
        crew = FleetCrew(self.recipe.of(runner), self.cluster, self.demand, turns, ears, runner.give_up)
        return keep_busy(crew, turns)


@dataclass
class Job:
    """A turn that somebody has elsewhere."""

    turn: Turn
    demand: Demand
    number: int
    who: str = "a worker that had not begun"


@dataclass
class FleetCrew:
    """The workers of one run while it goes on."""

    recipe: RunRecipe
    cluster: Cluster
    demand: Callable[[Group], Demand]
    turns: Turns
    ears: Ears
    give_up: Callable[[Group, str], None]
    busy: dict[Any, Job] = field(default_factory=dict)
    count: int = 0
    """Of all that were ever given something."""

    def give(self) -> None:
        """Have groups done while there is room, which is all that is ever waiting at the cluster's."""
        while self.turns.todo and self._room(self.turns.todo[0]):
            turn = self.turns.next()
            if turn is None:
                return
            self.count += 1
            job = Job(turn, self.demand(turn.group), self.count)
            told = self.ears.file(job.number)
            try:
                started = self.cluster.start(self.recipe, turn.group, job.demand, turn.apart, told)
            except BaseException:  # Ctrl-C, or a cluster that is gone
                self.turns.stopped(turn)
                raise
            self.busy[started] = job

    def _room(self, group: Group) -> bool:
        return self.cluster.fits([*(job.demand for job in self.busy.values()), self.demand(group)])

    def listen(self) -> None:
        """Hear what workers say, until one has ended or a moment has passed."""
        if not self.busy:
            self._wait()
            return
        ends = self.cluster.wait(list(self.busy))
        self._hear()
        for started, end in ends.items():
            self._ended(self.busy.pop(started), end)

    def _wait(self) -> None:
        """Wait for others who have what is left, or for a machine."""
        if self.turns.todo and not self._room(self.turns.todo[0]):
            group = self.turns.todo[0]
            what = f"no machine is left with {self.demand(group)} for {group.name}"
            self.turns.tell(f"{what}; it waits for one, and Ctrl-C ends the run")
            time.sleep(PAUSE)
        elif self.turns.todo:
            self.turns.wait()

    def _hear(self) -> None:
        jobs = {job.number: job for job in self.busy.values()}
        for number, (machine, process) in self.ears.listen(jobs):
            jobs[number].who = f"a worker on {machine}"
            self.turns.began(jobs[number].turn, worker=jobs[number].who, process=process)

    def _ended(self, job: Job, end: End) -> None:
        self.ears.forget(job.number)
        if end.error:
            self.turns.stopped(job.turn)
            raise end.error
        if not end.how:
            self._check(job)
            self.turns.ended(job.turn)
        elif not self._again(job, end):
            self.give_up(job.turn.group, end.how)
            self.turns.given_up(job.turn)

    def _check(self, job: Job) -> None:
        """See whether what was done there counts here."""
        if self.turns.left(job.turn.group):
            what = f"{job.who} has done {job.turn.group.name} with other weights or code than there are here"
            self.turns.tell(
                f"{what}, or its results are not seen; see that all machines have the same, and run it again"
            )

    def _again(self, job: Job, end: End) -> bool:
        """Whether a group has another turn: soon, since the longest of them come first."""
        if end.machine:
            return self.turns.lost(job.turn, job.who, end.how)
        return self.turns.crashes(job.turn, job.who, end.how, last=False)

    def end(self) -> None:
        """End all workers; what they were doing goes on from its units when the run does."""
        try:
            self.cluster.close(list(self.busy))
        finally:
            for job in self.busy.values():
                self.turns.stopped(job.turn)
            self.busy.clear()
            self.ears.close()
