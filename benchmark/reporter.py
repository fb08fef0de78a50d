"""Who is told how a run goes: nobody by default, the terminal from the command line."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext


class Reporter:
    """Hears of every stage and every unit of work; this one stays silent."""

    def running(self) -> AbstractContextManager[object]:
        """Held open while the run goes on."""
        return nullcontext()

    def start(self, backbone: str, units: int) -> None:
        """Work on a backbone begins: so many units of it are left."""

    def unit(self, backbone: str, what: str) -> None:
        """One more unit is done."""

    def finish(self, backbone: str) -> None:
        """Nothing is left to do for this backbone."""

    def problem(self, sentence: str) -> None:
        """Something went wrong, and the run goes on without it."""
