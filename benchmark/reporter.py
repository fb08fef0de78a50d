"""Reporters: listeners to the progress of a run, which plugins can offer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from .plan import Plan
    from .results import CellResult
    from .run_folder import RunFolder

hookspec = pluggy.HookspecMarker("partbench")


class Listener:
    """Hears of every stage and every unit of work; this one stays silent."""

    def run_started(self, plan: Plan, folder: RunFolder) -> None:
        """A run begins, or goes on; what it writes goes into the folder."""

    def start(self, backbone: str, units: int) -> None:
        """Work on a backbone begins: so many units of it are left."""

    def unit(self, backbone: str, what: str) -> None:
        """One more unit is done."""

    def cell_finished(self, result: CellResult) -> None:
        """A cell has its score, or the reason why it has none; both are on disk."""

    def finish(self, backbone: str) -> None:
        """Nothing is left to do for this backbone."""

    def problem(self, sentence: str) -> None:
        """Something went wrong, and the run goes on without it."""

    def run_finished(self, folder: RunFolder, complete: bool) -> None:
        """The run ends: complete, or interrupted and to be resumed."""


@dataclass(frozen=True)
class Reporter:
    """A listener to runs, as a plugin offers it."""

    name: str
    """Name behind `partbench run --reporter`."""
    open: Callable[[], Listener]
    """Makes the listener; libraries are imported here, not with the plugin."""
    summary: str = ""
    """One line for `partbench list`."""


@hookspec
def partbench_reporters() -> Iterable[Reporter]:
    """Reporters that this plugin offers.

    ::

        @partbench.hookimpl
        def partbench_reporters():
            yield Reporter("chat", open=ChatListener)
    """
    return ()
