"""Workers on other machines take the turns of a run; here the machines, and their clock, are simulated."""

from __future__ import annotations

import heapq
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from partbench.benchmark.reporter import Listener
from partbench.benchmark.run import turns
from partbench.benchmark.run.claim_files import FolderClaims
from partbench.benchmark.run.claims import LEASE, Claims
from partbench.benchmark.run.engine import keep_busy
from partbench.benchmark.run.groups import Group
from partbench.benchmark.run.holder import Holder
from partbench.benchmark.run.journal import Journal
from partbench.benchmark.run.turns import LOSSES, Turns
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.workers import fleet
from partbench.benchmark.workers.demands import Demand
from partbench.benchmark.workers.fleet import End, FleetCrew
from partbench.benchmark.workers.told import BEGAN, Ears, ToldFile

DIED, LOST = End("died"), End("was lost with its machine", machine=True)


@dataclass
class Clock:
    """Time, which passes when somebody waits."""

    now: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class FolderAt(FolderClaims):
    """A folder whose clock is the simulated one."""

    now: Callable[[], float]

    def age(self, name: str) -> float:
        return self.now() - (self.folder / name).stat().st_mtime


@dataclass
class DiskAt(Claims):
    """Claims on a disk with that clock."""

    clock: Clock = field(default_factory=Clock)
    began: float = field(default_factory=time.time)

    @cached_property
    def files(self) -> FolderClaims:
        return FolderAt(self.folder, lambda: self.began + self.clock.now)


@dataclass
class Machines:
    """So many workers; a group takes as long as it weighs, unless it is among those that end before."""

    workers: int
    clock: Clock
    ends: Mapping[str, Sequence[tuple[float, End]]] = field(default_factory=dict)
    """By group, of its first turns: at which share of its time each ends, and how."""
    done: list[str] = field(default_factory=list)
    tries: Counter[str] = field(default_factory=Counter)
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of all turns of a group."""
    apart: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)
    """What they do with another version."""
    most: int = 0
    """Given at the same time."""
    _due: list[tuple[float, int, str, End]] = field(default_factory=list)

    def fits(self, demands: Sequence[Demand]) -> bool:
        return len(demands) <= self.workers

    def start(self, recipe: Any, group: Group, demand: Demand, apart: bool, told: Path) -> int:
        number = int(told.stem)
        ends = self.ends.get(group.name, ())
        share, end = ends[self.tries[group.name]] if self.tries[group.name] < len(ends) else (1.0, End())
        self.tries[group.name] += 1
        self.spent[group.name] += share * group.weight
        self.apart |= {group.name} if apart else set()
        heapq.heappush(self._due, (self.clock.now + share * group.weight, number, group.name, end))
        self.most = max(self.most, len(self._due))
        ToldFile(told).send((BEGAN, (f"machine-{number % self.workers}", number)))
        return number

    def wait(self, jobs: Sequence[int]) -> Mapping[int, End]:
        due, number, name, end = heapq.heappop(self._due)
        self.clock.now = max(self.clock.now, due)
        self.done += [] if end.how or end.error or name in self.unseen else [name]
        return {number: end}

    def close(self, jobs: Sequence[int]) -> None:
        self._due.clear()


@dataclass
class Bench:
    """A run on simulated machines, and what it told."""

    path: Path
    clock: Clock
    told: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)

    def run(self, groups: Sequence[Group], machines: Machines) -> list[dict[str, Any]]:
        """Have groups done; the journal."""

        def finish(name: str, tidy: bool) -> None:
            self.finished.append(name)

        claims, journal = DiskAt(self.path, clock=self.clock), Journal(self.path)
        taken = Turns(groups, claims, lambda g: g.name not in machines.done, finish, self.told.append, journal)
        ears, give_up = Ears(RunFolder(self.path), Listener()), lambda group, how: self.failed.append(group.name)
        crew = FleetCrew(None, machines, lambda group: Demand(), taken, ears, give_up)  # type: ignore[arg-type]
        keep_busy(crew, taken)
        return journal.read()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    clock = Clock()
    for module in (turns, fleet):
        monkeypatch.setattr(module, "time", clock)
    return Bench(tmp_path, clock)


def hold_elsewhere(run: Path, group: Group) -> None:
    """Leave the claim of a program on another machine, which nobody will renew."""
    for name in group.claims:
        file = Claims(run).folder / f"{name}.0"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(vars(Holder("elsewhere", 1, "1", "token"))))
        os.utime(file)


def test_a_thousand_groups_on_64_workers(bench: Bench) -> None:
    """With workers and machines that die, and claims of the dead: no group is lost, and no worker idle for long.

    The bound is what no order could beat: all seconds that were spent, by so many workers, or the longest group with
    its turns one after the other.
    """
    random = np.random.default_rng(0)
    seconds = random.lognormal(4.0, 1.0, 1000)
    groups = [Group(f"g{i}", (0,), weight=float(s)) for i, s in enumerate(seconds)]
    ends = {f"g{i}": [(random.uniform(), DIED if i % 3 else LOST)] for i in range(0, 1000, 25)}
    held = [f"g{i}" for i in range(7, 1000, 100)]
    for name in held:
        hold_elsewhere(bench.path, Group(name, (0,)))
    machines = Machines(64, bench.clock, ends)
    lines = bench.run(sorted(groups, key=lambda group: -group.weight), machines)
    bound = max(sum(machines.spent.values()) / 64, *machines.spent.values())
    assert bound <= bench.clock.now < 1.1 * bound
    assert machines.most == 64
    assert Counter(machines.done) == Counter(group.name for group in groups)
    assert {*bench.finished} == {group.name for group in groups} and bench.failed == []
    assert machines.apart == {*held} | {name for name, ((_, end),) in ends.items() if not end.machine}
    assert Counter(line["unit"] for line in lines) == {
        "turn": 1000 + len(ends), "done": 1000, "crash": 26, "lost": 14, "taken over": len(held)
    }  # fmt: skip
    assert list(Claims(bench.path).folder.iterdir()) == []


def test_claims_of_the_dead_run_out(bench: Bench) -> None:
    """Nobody else does what they hold before; who comes after that says so."""
    hold_elsewhere(bench.path, Group("a", (0,)))
    machines = Machines(2, bench.clock)
    bench.run([Group("a", (0,)), Group("b", (0,))], machines)
    assert machines.done == ["b", "a"]
    assert LEASE <= bench.clock.now < LEASE + 5
    assert any("an earlier run was killed" in sentence for sentence in bench.told)


def test_what_ends_every_worker_is_given_up(bench: Bench) -> None:
    """At its second death; of lost machines it may have some more, since those may have fallen by themselves."""
    ends = {"a": [(0.5, DIED)] * 2, "b": [(0.5, LOST)] * LOSSES, "c": [(0.5, LOST)] * (LOSSES + 2)}
    machines = Machines(1, bench.clock, ends)
    bench.run([Group(name, (0,)) for name in "abcd"], machines)
    assert machines.done == ["b", "d"] and bench.failed == ["a", "c"]
    assert machines.tries == {"a": 2, "b": LOSSES + 1, "c": LOSSES + 2, "d": 1}
    assert Claims(bench.path).died("a--draw-0") and Claims(bench.path).died("c--draw-0")
    assert "a worker on machine-0 died, while a had its turn; it has another, in a process of its own" in bench.told


def test_what_no_group_is_to_blame_for_ends_the_run(bench: Bench) -> None:
    """As a full disk; nothing stays claimed."""
    machines = Machines(1, bench.clock, {"a": [(0.5, End(error=OSError("full")))]})
    with pytest.raises(OSError, match="full"):
        bench.run([Group("a", (0,)), Group("b", (0,))], machines)
    assert machines.done == [] and list(Claims(bench.path).folder.iterdir()) == []


def test_what_counts_only_there_is_told(bench: Bench) -> None:
    """As where a machine has another version of a plugin: no score of it is taken for one of here."""
    machines = Machines(1, bench.clock)
    machines.unseen = {"a"}
    bench.run([Group("a", (0,)), Group("b", (0,))], machines)
    (sentence,) = bench.told
    assert sentence.startswith("a worker on machine-0 has done a with other weights or code than there are here")


def test_a_machine_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the last was lost, with a sentence."""
    machines = Machines(1, bench.clock)
    monkeypatch.setattr(Machines, "fits", lambda self, demands: self.clock.now > 60 and len(demands) < 2)
    bench.run([Group("a", (0,))], machines)
    assert machines.done == ["a"] and bench.clock.now > 60
    assert {*bench.told} == {"no machine is left with 1 core for a; it waits for one, and Ctrl-C ends the run"}
