"""The base of experiment trackers: logs a number per metric for every cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from typing import Any

from ..leaderboard import frame
from ..metrics import DEFAULT
from ..plan import Plan, file_name
from ..reporter import Listener
from ..results import CellResult, RunFolder


class TrackerError(ValueError):
    """A tracker that is not installed, in one sentence: the fact, the culprit, the mend."""


def library(module: str, package: str) -> Any:
    """A tracker's library."""
    try:
        return import_module(module)
    except ImportError as error:
        raise TrackerError(f"{package} is not installed ({error}); pip install {package}") from None


class Tracker(Listener):
    """Turns events into numbers: `log` is what a tracker does with one."""

    def run_started(self, plan: Plan, folder: RunFolder) -> None:
        self.open(plan, folder)

    def cell_finished(self, result: CellResult) -> None:
        for key, score, step in scores(result):
            self.log(key, score, step)

    def run_finished(self, folder: RunFolder, complete: bool) -> None:
        self.close()

    def open(self, plan: Plan, folder: RunFolder) -> None:
        """Begin to track; into the folder of the run."""
        raise NotImplementedError

    def log(self, key: str, score: float, step: int) -> None:
        """Keep one number; the step is the number of shots."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing more will come."""
        raise NotImplementedError


def scores(result: CellResult) -> Iterator[tuple[str, float, int]]:
    """`metric/backbone/head/draw`, in letters that every tracker takes, the score in per cent, and the shots."""
    table = frame([result])
    cell = result.cell
    for metric in DEFAULT:
        for score in table[metric].dropna():
            yield f"{metric}/{file_name(cell.backbone)}/{file_name(cell.head)}/{cell.draw}", float(score), cell.shots


def settings(plan: Plan) -> dict[str, str]:
    """The plan as parameters."""
    return {name: str(value) for name, value in asdict(plan).items()}
