"""Records the results of a run's cells and a journal of its units of work."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..metrics.confusion import Confusion
from ..plan import PROTOCOL, Cell
from ..reporter import Listener
from ..results import CellResult, ResultError, RunFolder
from .task import SegmentationTask


@dataclass
class RunRecorder:
    """Writes the results of one task into the folder of a run, and tells the reporter."""

    task: SegmentationTask
    folder: RunFolder
    facts: Mapping[str, Any]
    """Versions and hardware, for every result."""
    reporter: Listener
    reported: set[str] = field(default_factory=set)

    def done(self, cell: Cell, weights: str | None) -> bool:
        """Whether a cell has a score of these weights; one whose file is damaged is computed again."""
        try:
            return self.folder.is_done(cell, weights)
        except ResultError as error:
            self.problem(f"{str(error).partition('; ')[0]}; it is computed again")
            return False

    def scored(self, cell: Cell, confusion: Confusion, facts: Mapping[str, Any]) -> None:
        """Write the score of a cell."""
        self._write(cell, facts, confusion=confusion)

    def failed(self, cell: Cell, sentence: str) -> None:
        """Write why a cell has no score, and say it once."""
        self.problem(sentence)
        self._write(cell, {}, error=sentence)

    def problem(self, sentence: str) -> None:
        """Tell the reporter, unless it knows."""
        if sentence not in self.reported:
            self.reporter.problem(sentence)
        self.reported.add(sentence)

    def origin(self, file: Path) -> str:
        """What a file of units of this task is made from, which its seal knows."""
        return f"{self.task.plan.hash} {self.task.data} {file.parent.name}/{file.name}"

    def journal(self, unit: str, of: str) -> None:
        """One line per unit of work, so that anyone can see that nothing was done twice."""
        with (self.folder.path / "journal.jsonl").open("a") as file:
            file.write(json.dumps({"unit": unit, "of": of, "at": round(time.time(), 3)}) + "\n")

    def _write(
        self, cell: Cell, facts: Mapping[str, Any], confusion: Confusion | None = None, error: str | None = None
    ) -> None:
        plan, dataset = self.task.plan, self.task.dataset
        provenance = {
            **self.facts,
            "protocol": PROTOCOL,
            "plan": plan.hash,
            "data": self.task.data,
            **({"dataset": dict(dataset.facts)} if dataset.facts else {}),
            "shots": self.task.manifest.seen(cell.draw, cell.shots),
            "schedule": plan.schedule,
            "scale": plan.scale,
            "seed": cell.seed(plan.seed),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **facts,
        }
        excluded = tuple(sorted(dataset.excluded))
        result = CellResult(cell, dataset.classes, excluded, error, confusion, provenance)
        self.folder.write(result)
        self.reporter.cell_finished(result)
