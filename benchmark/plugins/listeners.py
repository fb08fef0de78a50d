"""Several listeners of a run as one, none of which can harm the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ... import one_line
from ..reporter import Listener
from .calls import plugin_call, warn

if TYPE_CHECKING:
    from ..plan import Plan
    from ..results import CellResult
    from ..run_folder import RunFolder


class Listeners(Listener):
    """Notifies several listeners; one that raises is dropped, without harm to the others or the run."""

    def __init__(self, named: Iterable[tuple[str, Listener]]) -> None:
        self.named = dict(named)

    def _notify(self, event: str, *facts: Any) -> None:
        for name, listener in list(self.named.items()):
            try:
                with plugin_call(f"the reporter {name}", warn if event == "problem" else self.problem):
                    getattr(listener, event)(*facts)
            except Exception as error:  # whatever a stranger's reporter raises
                del self.named[name]
                reason = one_line(error)
                self.problem(f"the reporter {name} failed in {event} ({reason}); it is told nothing more")

    def run_started(self, plan: Plan, folder: RunFolder) -> None:
        self._notify("run_started", plan, folder)

    def start(self, backbone: str, units: int) -> None:
        self._notify("start", backbone, units)

    def unit(self, backbone: str, what: str) -> None:
        self._notify("unit", backbone, what)

    def cell_finished(self, result: CellResult) -> None:
        self._notify("cell_finished", result)

    def finish(self, backbone: str) -> None:
        self._notify("finish", backbone)

    def problem(self, sentence: str) -> None:
        self._notify("problem", sentence)

    def run_finished(self, folder: RunFolder, complete: bool) -> None:
        self._notify("run_finished", folder, complete)
