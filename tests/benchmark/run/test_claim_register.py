"""Nobody holds a part of a backbone's slices while somebody holds draws of it, or a part of another cut."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.run.claim_files import FolderClaims
from partbench.benchmark.run.claim_register import exclude
from partbench.benchmark.run.claims import Claims
from partbench.benchmark.run.holder import Claim, Holder

WHOLE = ("a--draw-0", "a--draw-1", "a--draw-2")
CUTS = {
    "whole": [WHOLE],
    "draws": [(name,) for name in WHOLE],
    "two": [(f"a--part-{number}-of-2",) for number in (1, 2)],
    "three": [(f"a--part-{number}-of-3",) for number in (1, 2, 3)],
}
"""What the groups of one backbone are claimed by, however it is cut."""


def test_cuts_exclude_each_other() -> None:
    """Whatever they are; parts of one cut do not, nor does anything of another backbone."""
    for (one, groups), (other, others) in product(CUTS.items(), repeat=2):
        pairs = [*product(*([name for names in cut for name in names] for cut in (groups, others)))]
        by_draws = {one, other} <= {"whole", "draws"}
        assert all(exclude(mine, its) is (one != other and not by_draws) for mine, its in pairs), (one, other)
        assert not any(exclude(mine, its.replace("a-", "b-", 1)) for mine, its in pairs)
    assert not exclude("a--heads-draw-0", "a--draw-0") and not exclude("a--cells", "a--part-1-of-2")
    assert not exclude("run", "a--draw-0")


def test_what_is_cut_otherwise_is_waited_for(tmp_path: Path) -> None:
    """And whose claim it is is known; who cannot have it leaves nothing."""
    ours, theirs = Claims(tmp_path), Claims(tmp_path)
    claim = ours.take(*CUTS["two"][0])
    assert claim and theirs.take(*CUTS["two"][1])
    for cut in ("whole", "draws", "three"):
        before = sorted(os.listdir(ours.folder))
        assert Claims(tmp_path).take(*CUTS[cut][0]) is None
        assert Claims(tmp_path).holder(*CUTS[cut][0]) == claim.holder
        assert sorted(os.listdir(ours.folder)) == before


def test_who_died_with_another_cut_is_known_and_forgotten(tmp_path: Path) -> None:
    """Its work is done as of one that ended a program; then nothing tells of it any more, unless that ends one, too."""
    claims = Claims(tmp_path)
    for group in CUTS["two"]:
        dead = claims.take(*group)
        assert dead
        claims.abandon(dead)
    assert claims.died(*WHOLE) and claims.holder(*WHOLE) is None
    again = claims.take(*WHOLE)
    assert again and again.before and again.before.dead
    claims.abandon(again)
    assert claims.died(*CUTS["three"][2])
    last = claims.take(*WHOLE)
    assert last and last.before
    claims.release(last)
    assert os.listdir(claims.folder) == []


@dataclass
class Scheduler:
    """Lets one program at a time do one thing with the claims, in an order that is given; then in turns."""

    order: Sequence[int]
    lock: threading.Condition = field(default_factory=threading.Condition)
    waiting: set[int] = field(default_factory=set)
    running: int | None = None
    ended: set[int] = field(default_factory=set)

    def step(self, number: int) -> None:
        """Wait for one's turn."""
        with self.lock:
            self.waiting.add(number)
            self.running = None if self.running == number else self.running
            self.lock.notify_all()
            self.lock.wait_for(lambda: self.running == number)
            self.waiting.remove(number)

    def end(self, number: int) -> None:
        with self.lock:
            self.ended.add(number)
            self.running = None
            self.lock.notify_all()

    def drive(self, programs: int) -> None:
        """Until all have ended."""
        for turn in range(100_000):
            with self.lock:
                self.lock.wait_for(lambda: self.running is None and len(self.waiting | self.ended) == programs)
                left = sorted(self.waiting)
                if not left:
                    return
                wanted = self.order[turn] if turn < len(self.order) else random.Random(turn).randrange(programs)
                self.running = left[wanted % len(left)]
                self.lock.notify_all()
        raise AssertionError("they make way for each other for ever")


@dataclass(frozen=True)
class Stepwise(FolderClaims):
    """Claims of one program, each look and each change of which is a step."""

    number: int
    scheduler: Scheduler

    def names(self) -> list[str]:
        self.scheduler.step(self.number)
        return super().names()

    def create(self, name: str, text: str) -> bool:
        self.scheduler.step(self.number)
        return super().create(name, text)

    def read(self, name: str, now: bool = False) -> str:
        self.scheduler.step(self.number)
        return super().read(name)

    def remove(self, name: str) -> None:
        self.scheduler.step(self.number)
        super().remove(name)


@dataclass
class Program(Claims):
    """A run that does some groups, each once."""

    number: int = 0
    scheduler: Scheduler | None = None
    at_work: list[tuple[int, str]] = field(default_factory=list)
    """What all of them hold, with the number of each."""
    met: list[tuple[str, str]] = field(default_factory=list)
    """What two held at once that exclude each other."""

    @cached_property
    def files(self) -> Stepwise:
        assert self.scheduler
        return Stepwise(self.folder, self.number, self.scheduler)

    def work(self, groups: Sequence[tuple[str, ...]]) -> None:
        """Hold each for a step, and see who else holds what."""
        assert self.scheduler
        todo = [*groups]
        while todo:
            for group in tuple(todo):
                if claim := self.register.take(group, Holder.here()):
                    self.hold(claim)
                    todo.remove(group)
        self.scheduler.end(self.number)

    def hold(self, claim: Claim) -> None:
        assert self.scheduler
        self.at_work += [(self.number, name) for name in claim.names]
        others = [name for number, name in self.at_work if number != self.number]
        self.met += [(one, name) for name in claim.names for one in others if one == name or exclude(one, name)]
        self.scheduler.step(self.number)
        for name in claim.names:
            self.at_work.remove((self.number, name))
        self.register.remove(claim)


PAIRS = [("whole", "two"), ("draws", "three"), ("two", "three"), ("two", "two"), ("draws", "two")]


@given(st.sampled_from(PAIRS), st.lists(st.integers(0, 1), min_size=60, max_size=60), st.booleans())
def test_at_no_moment_are_two_cuts_at_work(
    tmp_path_factory: pytest.TempPathFactory, pair: tuple[str, str], order: list[int], died: bool
) -> None:
    """In whatever order two runs look, take and let go; each gets all of its groups in the end."""
    folder, scheduler = tmp_path_factory.mktemp("claims"), Scheduler(order)
    if died:
        dead = Claims(folder).take("a--part-1-of-7")
        assert dead
        FolderClaims(folder / "claims").write(dead.files[0], replace(Holder.here(), dead=True).text)
    held: list[tuple[int, str]] = []
    met: list[tuple[str, str]] = []
    programs = [Program(folder, number=n, scheduler=scheduler, at_work=held, met=met) for n in range(2)]
    threads = [threading.Thread(target=p.work, args=(CUTS[cut],)) for p, cut in zip(programs, pair, strict=True)]
    for thread in threads:
        thread.start()
    scheduler.drive(2)
    for thread in threads:
        thread.join()
    assert met == [] and held == []
    assert os.listdir(folder / "claims") == []


def test_what_a_process_had_claimed_can_be_forgotten(tmp_path: Path) -> None:
    """Of one that was ended on purpose: nobody waits for it, or takes its work for what ended it."""
    claims = Claims(tmp_path)
    for name, process in (("a--heads-draw-0", 1), ("a--heads-draw-1", os.getpid()), ("b--draw-0", 1)):
        claims.files.create(f"{name}.0", replace(Holder.here(), process=process).text)
    claims.files.create("c--draw-0.0", replace(Holder.here(), machine="another", process=1).text)
    claims.register.forget(lambda holder: holder.among({1}))
    assert claims.register.names() == {"a--heads-draw-1", "c--draw-0"}
