"""The turns of a run in this process, one after the other; Ctrl-C skips one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .groups import Group
from .turns import Turn, Turns


@dataclass(frozen=True)
class InThisProcess:
    """Takes the turns one after the other; Ctrl-C skips one."""

    score: Callable[[Group], None]
    score_apart: Callable[[Group], str] | None
    """Scores one in a process of its own; how that ended before it was done, or ''. None: there can be none."""
    give_up: Callable[[Group, str], None]

    def take(self, turns: Turns) -> bool:
        """Score all; False if Ctrl-C skipped one, which it does once and while there are others."""
        complete = True
        while turns.todo:
            turn = turns.next()
            if turn is None:
                if turns.todo:
                    turns.wait()
                continue
            try:
                self._take(turns, turn)
            except KeyboardInterrupt:
                if not complete or not turns.todo:
                    raise
                complete = False
                how = "a second Ctrl-C ends the run; the same command goes on with what was skipped"
                turns.tell(f"{turn.group.name} is skipped, as Ctrl-C asks, and {how}")
        return complete

    def _take(self, turns: Turns, turn: Turn) -> None:
        turns.began(turn)
        how = ""
        try:
            if turn.apart and self.score_apart:
                how = self.score_apart(turn.group)
            else:
                self.score(turn.group)
        except BaseException:
            turns.stopped(turn)
            raise
        if not how:
            turns.ended(turn)
            return
        turns.crashes(turn, "its process", how)
        self.give_up(turn.group, how)
        turns.given_up(turn)
