"""What does the groups of a run: an engine, which may have a crew of workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from .turns import Turns

if TYPE_CHECKING:
    from .runner import Runner


class Engine(Protocol):
    """What does the groups of a run, here or elsewhere."""

    def take(self, runner: Runner, turns: Turns) -> bool:
        """Have all done that there are turns for; False if some were skipped."""


class Crew(Protocol):
    """Workers that an engine hands turns to, while a run goes on."""

    @property
    def busy(self) -> Mapping[Any, Any]:
        """What is being done."""

    def give(self) -> None:
        """Have groups done while there is room."""

    def listen(self) -> None:
        """Hear what workers say, until one has ended or a moment has passed."""

    def end(self) -> None:
        """End all of them; what they were doing goes on when the run does."""


def keep_busy(crew: Crew, turns: Turns) -> bool:
    """Have a crew do all that there are turns for: always true, since Ctrl-C ends a run of several."""
    try:
        while turns.todo or crew.busy:
            crew.give()
            crew.listen()
    finally:
        crew.end()
    return True
