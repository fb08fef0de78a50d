"""`jsonl`: every event of a run as a line of JSON, for `tail -f`, jq, or whatever collects logs, as a reporter."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import IO, Any

import partbench
from partbench.benchmark.plan import Plan
from partbench.benchmark.reporter import Listener, Reporter
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder

FILE = "events.jsonl"


class JsonLines(Listener):
    """Adds to RUN/events.jsonl; a run that goes on adds to what its beginning wrote."""

    file: IO[str]

    def run_started(self, plan: Plan, folder: RunFolder) -> None:
        folder.path.mkdir(parents=True, exist_ok=True)
        self.file = (folder.path / FILE).open("a", encoding="utf-8")
        self._write("run started", plan=asdict(plan))

    def start(self, backbone: str, units: int) -> None:
        self._write("backbone started", backbone=backbone, units=units)

    def unit(self, backbone: str, what: str) -> None:
        self._write("unit done", backbone=backbone, unit=what)

    def cell_finished(self, result: CellResult) -> None:
        self._write("cell finished", **asdict(result.cell), error=result.error, scores=scores(result))

    def finish(self, backbone: str) -> None:
        self._write("backbone finished", backbone=backbone)

    def problem(self, sentence: str) -> None:
        self._write("problem", sentence=sentence)

    def run_finished(self, folder: RunFolder, complete: bool) -> None:
        self._write("run finished", complete=complete)
        self.file.close()

    def _write(self, event: str, **facts: Any) -> None:
        self.file.write(json.dumps({"at": round(time.time(), 3), "event": event, **facts}) + "\n")
        self.file.flush()  # whoever follows the file wants the line now


def scores(result: CellResult) -> dict[str, float]:
    """The score of a cell in per cent by every usual definition that it has one of."""
    from partbench.benchmark.metrics.definitions import DEFAULT
    from partbench.benchmark.scores.leaderboard import frame

    table = frame([result])
    return {metric: round(float(score), 3) for metric in DEFAULT for score in table[metric].dropna()}


@partbench.hookimpl
def partbench_reporters() -> Iterable[Reporter]:
    """The one reporter."""
    yield Reporter("jsonl", open=JsonLines, summary="every event as a line of JSON, in RUN/events.jsonl")
