"""Groups have their turns one after the other; what another run has is waited for."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from partbench.benchmark.object_store import StoreError
from partbench.benchmark.run import turns
from partbench.benchmark.run.claim_files import FolderClaims
from partbench.benchmark.run.claims import Claims
from partbench.benchmark.run.groups import Group
from partbench.benchmark.run.in_process import InThisProcess
from partbench.benchmark.run.journal import Journal
from partbench.benchmark.run.turns import Turn, Turns

A, B = Group("a", (0, 1)), Group("b", (0, 1))


@dataclass
class Bench:
    """Takes turns in one folder, and keeps what became of them."""

    path: Path
    scored: list[str] = field(default_factory=list)
    finished: list[tuple[str, bool]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def turns(self, *groups: Group) -> Turns:
        def finish(name: str, tidy: bool) -> None:
            self.finished.append((name, tidy))

        left, journal = lambda group: group.name not in self.scored, Journal(self.path)
        return Turns(groups, Claims(self.path), left, finish, self.told.append, journal)

    def take(self, *groups: Group, ends: Sequence[str] = ()) -> bool:
        """Have groups done; these end the process that they get of their own."""

        def apart(group: Group) -> str:
            return "was ended" if group.name in ends else self.scored.append(f"{group.name} apart") or ""

        engine = InThisProcess(
            lambda group: self.scored.append(group.name), apart, lambda g, how: self.failed.append(g.name)
        )
        return engine.take(self.turns(*groups))

    def events(self) -> list[str]:
        return [f"{line['unit']} {line['of']}" for line in Journal(self.path).read()]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(turns, "PAUSE", 0.01)
    return Bench(tmp_path)


def test_every_group_has_its_turn(bench: Bench) -> None:
    """In their order; a backbone is finished with the last of its parts, and no claim stays."""
    first, second = A.cut(2)
    assert bench.take(first, B, second)
    assert bench.scored == ["a draw 0", "b", "a draw 1"]
    assert bench.finished == [("b", True), ("a", True)]
    assert bench.events() == [f"{unit} {name}" for name in bench.scored for unit in ("turn", "done")]
    assert list(Claims(bench.path).folder.iterdir()) == []


def test_what_another_run_has_is_waited_for(bench: Bench) -> None:
    """After all others, with a sentence; when it has done it there is nothing to do."""
    theirs = Claims(bench.path)
    claim = theirs.take(A.claims[1])
    assert claim

    def done() -> None:
        bench.scored.append("a")
        theirs.release(claim)

    threading.Timer(0.2, done).start()
    assert bench.take(A, B)
    assert bench.scored == ["b", "a"]
    assert {*bench.told} == {f"a is done by another run ({claim.holder}); this one waits for it"}
    assert bench.events() == ["turn b", "done b"]


def test_what_ended_a_run_is_done_apart(bench: Bench) -> None:
    """Last, and said; of one that ends that process too a mark stays, and its units, for the next run."""
    for group in (A, B):
        claims = Claims(bench.path)
        claim = claims.take(*group.claims)
        assert claim
        claims.abandon(claim)
    bench.take(A, Group("c", (0,)), B, ends=["a"])
    assert bench.scored == ["c", "b apart"]
    assert bench.failed == ["a"]
    assert bench.finished == [("c", True), ("a", False), ("b", True)]
    assert [sentence.partition(" (")[0] for sentence in bench.told] == [
        f"an earlier run was killed, aborted or out of memory while {name} had its turn" for name in "ab"
    ]
    assert Claims(bench.path).died(*A.claims) and not Claims(bench.path).died(*B.claims)


def test_what_crashed_in_a_run_is_kept_for_its_second_turn(bench: Bench) -> None:
    """Which it has alone; no other run takes it meanwhile, and if this one ends before, the next is told."""
    taken = bench.turns(A, B)
    first = taken.next()
    assert first and first.group == A
    assert taken.crashes(first, "worker 1", "was ended by SIGKILL")
    assert bench.turns(A).next() is None
    second = taken.next(alone=False)
    assert second and second.group == B
    assert taken.next(alone=False) is None
    again = taken.next(alone=True)
    assert again and again.group == A and again.apart
    taken.stopped(again)
    taken.stopped(second)
    assert Claims(bench.path).died(*A.claims) and not Claims(bench.path).died(*B.claims)


def test_a_run_that_ends_before_a_second_turn_leaves_a_mark(bench: Bench) -> None:
    """So that the next does not do the group as if nothing had been."""
    taken = bench.turns(A)
    turn = taken.next()
    assert turn and taken.crashes(turn, "worker 1", "was ended by SIGKILL")
    taken.leave()
    assert Claims(bench.path).died(*A.claims)


TRACED = tuple(f"partbench.benchmark.{module}" for module in ("run.turns", "run.claim", "files"))


def interrupted(at: int, work: Callable[[], None]) -> bool:
    """Whether Ctrl-C came before the end of some work, if it comes at the so-many-th line of turns and claims."""
    lines = iter(range(at, -1, -1))

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if not frame.f_globals.get("__name__", "").startswith(TRACED):
            return None
        if event == "line" and next(lines, None) == 0:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_ctrl_c_at_any_moment_leaves_no_claim(bench: Bench) -> None:
    """Not even one that was being made: nobody died, and another run says of nobody that he did."""
    for at in itertools.count():
        taken = Bench(bench.path / str(at)).turns(A, B)
        taken.claims.beat = 0.01

        def work(taken: Turns = taken) -> None:
            while taken.todo and (turn := taken.next()):
                taken.began(turn)
                taken.ended(turn)

        ended = not interrupted(at, work)
        taken.leave()
        assert taken.claims.names("") == set(), at
        if ended:
            break
    assert at > 100


@pytest.mark.parametrize(("owner", "fails"), [(Claims, "_push"), (FolderClaims, "write")])
def test_what_crashed_is_told_of_though_it_cannot_be_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, owner: type, fails: str
) -> None:
    """A store or a disk that fails as the mark is left: the claim stays, and its holder is dead when it has ended."""
    taken = bench.turns(A)
    turn = taken.next()
    assert turn and taken.crashes(turn, "worker 1", "was ended by SIGKILL")

    def fail(*_: object) -> None:
        raise StoreError("the line is cut")

    with monkeypatch.context() as broken:
        broken.setattr(owner, fails, fail)
        with pytest.raises(StoreError):
            taken.stopped(Turn(turn.group, turn.claim, apart=True))
    taken.leave()
    assert Claims(bench.path).names("") == {*A.claims}


def test_parts_of_which_something_is_left_have_one_more_turn(bench: Bench) -> None:
    """When all have had theirs: what one had stored was gone. What is left then is left to the next run."""
    first, second = Group("a", (0,), slices=4).cut(2)
    taken = bench.turns(first, second, B)
    turns: list[str] = []
    taken.left = lambda group: group is not second or turns.count(second.name) < 1
    assert InThisProcess(lambda group: turns.append(group.name), None, lambda group, how: None).take(taken)
    assert turns == ["a part 1 of 2", "a part 2 of 2", "b", "a part 1 of 2"]
    assert bench.finished == [("b", True), ("a", True)]
    assert list(Claims(bench.path).folder.iterdir()) == []
