"""The turns of a run's groups: which is next, who has it, and what becomes of one that ends whatever does it."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..plugins.calls import Warn
from .claims import Claims
from .groups import Group
from .holder import Claim
from .journal import Journal

PAUSE = 0.5
"""Seconds between two looks at what others are doing."""
LOSSES = 3
"""Machines that a group may lose before it is the group that is to blame."""
ONCE_MORE = "it has its turn last, in a process of its own"
AGAIN = "it has another, in a process of its own"


@dataclass(frozen=True)
class Turn:
    """A group that is this run's to do."""

    group: Group
    claim: Claim
    apart: bool
    """Whether it ended the program that did it before."""


@dataclass
class Turns:
    """Gives every group its turn; what another run does meanwhile is left to it."""

    groups: Sequence[Group]
    claims: Claims
    left: Callable[[Group], bool]
    """Whether a group has something left to do, now."""
    finished: Callable[[str, bool], None]
    """Hears of a backbone that this run has nothing left to do for, and whether nothing of it is to be tried again."""
    tell: Warn
    journal: Journal
    todo: list[Group] = field(default_factory=list)
    """In the order of their turns."""
    crashed: dict[Group, Claim] = field(default_factory=dict)
    """Those that ended a process of this run, which keeps them: another would do them as if nothing had been."""
    losses: Counter[Group] = field(default_factory=Counter)
    """How many machines were lost while they had it."""
    hopeless: set[str] = field(default_factory=set)
    """Backbones with a group that was given up."""
    again: set[str] = field(default_factory=set)
    """Backbones whose groups have all had their turns."""
    _open: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._open = Counter(group.backbone for group in self.groups)
        self.todo = sorted(self.groups, key=lambda group: self.claims.died(*group.claims))

    def next(self, alone: bool = True) -> Turn | None:
        """The next that nobody else has; None if there is none, or, with some `todo`, none as yet.

        One that ended a process of this run waits until it is `alone`: memory may have run out.
        """
        for group in tuple(self.todo):
            if group in self.crashed and not alone:
                continue
            if (claim := self.crashed.get(group) or self.claims.take(*group.claims)) is None:
                continue
            self.todo.remove(group)
            if not self.left(group):  # another run has done it
                self._close(group, claim, dangerous=claim.before is not None and claim.before.dead)
                continue
            if claim.before:
                how = f"was killed, aborted or out of memory while {group.name} had its turn ({claim.before})"
                self.tell(f"an earlier run {how}; {ONCE_MORE}")
                self.journal.write("taken over", group.name, of_whom=str(claim.before))
            return Turn(group, claim, claim.before is not None or group in self.crashed)
        return None

    def wait(self) -> None:
        """Wait a moment for what others have."""
        for group in self.todo:
            if holder := self.claims.holder(*group.claims):
                self.tell(f"{group.name} is done by another run ({holder}); this one waits for it")
        time.sleep(PAUSE * random.uniform(0.5, 1.5))  # two who have made way for each other come at other moments

    def began(self, turn: Turn, **who: Any) -> None:
        """Note who has it."""
        self.journal.write("turn", turn.group.name, **who)

    def ended(self, turn: Turn) -> None:
        """A turn is over, and all that its group had left has its result."""
        self.journal.write("done", turn.group.name)
        self._close(turn.group, turn.claim)

    def stopped(self, turn: Turn) -> None:
        """A turn is over before it was done; the group is as it was."""
        (self.claims.abandon if turn.apart else self.claims.release)(turn.claim)

    def crashes(self, turn: Turn, who: str, how: str, last: bool = True) -> bool:
        """A turn ended the process that had it, so; whether it has another, `last` or at once."""
        if not turn.apart:  # before anything that may fail
            self.crashed[turn.group] = turn.claim
        self.journal.write("crash", turn.group.name, how=how)
        if turn.apart:
            return False
        self.tell(f"{who} {how}, while {turn.group.name} had its turn; {ONCE_MORE if last else AGAIN}")
        self.todo.insert(len(self.todo) if last else 0, turn.group)
        return True

    def lost(self, turn: Turn, who: str, how: str) -> bool:
        """A turn ended with the machine that had it, which says nothing of the group: it has another, so many times."""
        self.losses[turn.group] += 1
        if self.losses[turn.group] > LOSSES:
            return self.crashes(turn, who, how, last=False)
        self.journal.write("lost", turn.group.name, how=how)
        self.tell(f"{who} {how}, while {turn.group.name} had its turn; it has another")
        if turn.apart:
            self.crashed[turn.group] = turn.claim
        else:
            self.claims.release(turn.claim)
        self.todo.insert(0, turn.group)
        return True

    def given_up(self, turn: Turn) -> None:
        """A group that ends every process that does it; the next run is told by the claim that stays."""
        self._close(turn.group, turn.claim, dangerous=True)

    def elsewhere(self, group: Group, tidy: bool) -> None:
        """A group has had its turn as somebody else's; whether nothing of it is to be tried again."""
        self.todo.remove(group)
        self.hopeless |= set() if tidy else {group.backbone}
        self._count(group)

    def leave(self) -> None:
        """End, be it before all had their turn: what ended a process no run does as if nothing had been."""
        self.claims.leave(tuple(self.crashed.values()))

    def _close(self, group: Group, claim: Claim, dangerous: bool = False) -> None:
        """Let go of a group that has its results."""
        self.hopeless |= {group.backbone} if dangerous else set()
        self._count(group)
        (self.claims.abandon if dangerous else self.claims.release)(claim)

    def _count(self, group: Group) -> None:
        name = group.backbone
        self._open[name] -= 1
        if not self._open[name] and not self._repeated(name):
            self.finished(name, name not in self.hopeless)

    def _repeated(self, name: str) -> bool:
        """Whether parts of a backbone have one more turn: what one had stored is gone, and no cell whole."""
        parts = [group for group in self.groups if group.backbone == name and group.part and name not in self.again]
        left = [group for group in parts if self.left(group)]
        self.again.add(name)
        self.crashed = {group: claim for group, claim in self.crashed.items() if group not in left}
        self._open[name] += len(left)
        self.todo += left
        return bool(left)
