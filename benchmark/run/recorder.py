"""Records the results of a run's cells and a journal of its units of work."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..metrics.confusion import Confusion
from ..plan import PROTOCOL, Cell
from ..reporter import Listener
from ..results import CellResult, ResultError
from ..run_folder import RunFolder
from ..sealed_files import Origin
from .journal import Journal
from .makers import Makers
from .task import SegmentationTask


@dataclass
class RunRecorder:
    """Writes the results of one task into the folder of a run, and tells the reporter."""

    task: SegmentationTask
    folder: RunFolder
    facts: Mapping[str, Any]
    """Versions and hardware, for every result."""
    reporter: Listener
    makers: Makers
    reported: set[str] = field(default_factory=set)
    outdated: dict[str, set[Cell]] = field(default_factory=dict)
    """Scored cells by what was changed since."""

    def done(self, cell: Cell) -> bool:
        """Whether a cell has a score of the weights and code of now; one whose file is damaged is computed again."""
        try:
            result = self.folder.scored(cell)
        except ResultError as error:
            self.problem(f"{str(error).partition('; ')[0]}; it is computed again")
            return False
        changes = self.makers.changes(result) if result else []
        for change in changes:
            self.outdated.setdefault(change, set()).add(cell)
        return result is not None and not changes

    def failed_since(self, cell: Cell, since: float | None) -> bool:
        """Whether a cell has failed since a run began, be it in another run: that is its result."""
        file = self.folder.cell_file(cell)
        if since is None or not file.exists() or file.stat().st_mtime <= since:
            return False
        try:
            result = self.folder.read(cell)
        except ResultError:
            return False
        return result is not None and result.error is not None

    def tell_outdated(self) -> None:
        """Say which scores of earlier runs are none of this one."""
        for change, cells in self.outdated.items():
            count = f"{len(cells)} scores are" if len(cells) > 1 else "1 score is"
            self.problem(f"{count} of other {change} than now, and computed again")

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

    def origin(self, file: Path, head: str = "") -> Origin:
        """What a file of units of this task, or of one head there, is made from, which its seal knows."""
        known = {"settings": self.task.plan.hash, "data": self.task.data}
        known["work"] = "/".join(file.relative_to(self.folder.path).parts)
        return known | ({f"code of {head}": self.makers.head_code(head)} if head else {})

    def journal(self, unit: str, of: str) -> None:
        """One line per unit of work, so that anyone can see that nothing was done twice."""
        Journal(self.folder.path).write(unit, of)

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
            "shots": self.task.seen(cell),
            "schedule": plan.schedule,
            "scale": plan.scale,
            "seed": cell.seed(plan.seed),
            "code": self.makers.code(cell),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **facts,
        }
        excluded = tuple(sorted(dataset.excluded))
        result = CellResult(cell, dataset.classes, excluded, error, confusion, provenance)
        self.folder.write(result)
        self.reporter.cell_finished(result)
