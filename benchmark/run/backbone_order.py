"""The turns of a run's backbones: Ctrl-C skips one; one that ended an earlier run comes last, in its own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..plan import file_name
from ..plugins.calls import Warn


@dataclass(frozen=True)
class Turns:
    """Gives every backbone its turn.

    A mark in the folder of the units says whose turn it is; it outlives only a program that did not end by itself.
    """

    units: Path
    score: Callable[[str], None]
    """Scores the backbone of this name."""
    score_apart: Callable[[str], bool] | None
    """Scores it in a process of its own; whether that process came to its end. None: there can be none."""
    tell: Warn

    def take(self, names: Sequence[str]) -> bool:
        """Score all; False if Ctrl-C skipped one, which it does once and while there are others."""
        order, complete = sorted(names, key=self._ended_a_run), True
        for name in order:
            try:
                self._take(name)
            except KeyboardInterrupt:
                if not complete or name == order[-1]:
                    raise
                complete = False
                how = "a second Ctrl-C ends the run; the same command goes on with what was skipped"
                self.tell(f"{name} is skipped, as Ctrl-C asks, and {how}")
        return complete

    def _take(self, name: str) -> None:
        if not self._ended_a_run(name) or self.score_apart is None:
            with self._marked(name):
                self.score(name)
            return
        how = "it has its turn last, in a process of its own"
        self.tell(f"an earlier run was killed, aborted or out of memory while {name} had its turn; {how}")
        if self.score_apart(name):
            self._mark(name).unlink(missing_ok=True)

    def _ended_a_run(self, name: str) -> bool:
        return self._mark(name).exists()

    @contextmanager
    def _marked(self, name: str) -> Iterator[None]:
        mark = self._mark(name)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)

    def _mark(self, name: str) -> Path:
        return self.units / f"{file_name(name)}.turn"
