"""What is told of a run by its other processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ..reporter import Listener
from ..results import CellResult
from .recorder import RunRecorder


class Outlet(Protocol):
    """Where another process hears it: a pipe, or a file."""

    def send(self, message: tuple[str, tuple[Any, ...]], /) -> None: ...


@dataclass
class Relay(Listener):
    """Sends what it hears of a backbone to another process."""

    connection: Outlet

    def start(self, backbone: str, units: int) -> None:
        self.connection.send(("start", (backbone, units)))

    def unit(self, backbone: str, what: str) -> None:
        self.connection.send(("unit", (backbone, what)))

    def cell_finished(self, result: CellResult) -> None:
        self.connection.send(("cell_finished", (result,)))

    def problem(self, sentence: str) -> None:
        self.connection.send(("problem", (sentence,)))


@dataclass
class Relayed(Listener):
    """Hears there what they say, and tells each problem once, whoever notices it."""

    reporter: Listener
    recorder: RunRecorder

    def start(self, backbone: str, units: int) -> None:
        self.reporter.start(backbone, units)

    def unit(self, backbone: str, what: str) -> None:
        self.reporter.unit(backbone, what)

    def cell_finished(self, result: CellResult) -> None:
        self.reporter.cell_finished(result)

    def problem(self, sentence: str) -> None:
        self.recorder.problem(sentence)
