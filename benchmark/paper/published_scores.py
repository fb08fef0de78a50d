"""The scores published in the paper, each with its definition, read from `numbers.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..files import read_toml

FILE = Path(__file__).parent / "numbers.toml"
CLASS = "iou:"
"""Before the name of a class: its own IoU, pixels of all images together."""
NONE = "-"
"""A cell that the paper leaves empty."""


@dataclass(frozen=True)
class PaperTask:
    """What is segmented: classes, images, and the rule where two parts overlap."""

    name: str
    classes: tuple[str, ...]
    """That are averaged over, the background among them if it is."""
    background: bool
    """Whether the background is averaged over; it is predicted in any case."""
    images: str
    overlaps: str
    note: str = ""
    family: str = ""
    """The dataset of ours whose runs have these images, as `celebamask-hq`; empty where none has."""


@dataclass(frozen=True)
class PaperColumn:
    """A definition of a score."""

    name: str
    metric: str
    """One of `metrics.METRICS`, or `iou:CLASS`."""
    task: str


@dataclass(frozen=True)
class PaperRow:
    """A row of a table of the paper."""

    name: str
    scores: tuple[float | None, ...]
    """Per cent, in the order of the columns; None where the paper has none."""
    shots: int | None = None
    by: str = ""
    """Who reported the scores that the paper quotes; empty for the paper's own."""
    task: str = ""
    """Where it is another than that of the columns."""


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper, or what can be read off a figure."""

    key: str
    title: str
    columns: tuple[PaperColumn, ...]
    rows: tuple[PaperRow, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    """With how many labels a supervised network equals a row, in the paper's words."""

    @property
    def source(self) -> str:
        """`Table 7` or `Figure 6`."""
        figure = self.key.startswith("figure-")
        return f"Figure {self.key.removeprefix('figure-')}" if figure else f"Table {self.key}"

    def task_of(self, row: PaperRow, column: PaperColumn) -> PaperTask:
        return read_tasks()[row.task or column.task]

    def metric_of(self, row: PaperRow, column: PaperColumn) -> str:
        """The name of the definition, `-bg` behind it where the background is left out of an average."""
        from ..metrics.definitions import WITHOUT  # scipy comes with it, and presets are listed at once

        apart = column.metric.startswith(CLASS) or self.task_of(row, column).background
        return column.metric if apart else column.metric + WITHOUT

    def score(self, row: str, shots: int | None, column: str) -> float | None:
        """What the paper prints there, None where it prints nothing."""
        place = [c.name for c in self.columns].index(column)
        return next((r.scores[place] for r in self.rows if (r.name, r.shots) == (row, shots)), None)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Those that the paper's own rows are about."""
        own = [row.task for row in self.rows if not row.by]
        return tuple(dict.fromkeys([*(column.task for column in self.columns), *filter(None, own)]))


@cache
def read_tasks() -> Mapping[str, PaperTask]:
    """The tasks by name."""
    return {name: task_of(name, raw) for name, raw in read_toml(FILE)["tasks"].items()}


def task_of(name: str, raw: Mapping[str, Any]) -> PaperTask:
    """A task as a file has it."""
    return PaperTask(name, **{**raw, "classes": tuple(raw["classes"])})


@cache
def read_tables() -> Mapping[str, PaperTable]:
    """The tables and figures by key: `7`, `G`, `figure-6`."""
    return {key: _table(key, raw) for key, raw in read_toml(FILE)["tables"].items()}


def _table(key: str, raw: Mapping[str, Any]) -> PaperTable:
    columns = tuple(PaperColumn(**column) for column in raw["columns"])
    return PaperTable(key, raw["title"], columns, tuple(_row(row) for row in raw["rows"]), raw.get("labels", {}))


def _row(raw: Mapping[str, Any]) -> PaperRow:
    scores = tuple(None if score == NONE else float(score) for score in raw["scores"])
    return PaperRow(raw["name"], scores, raw.get("shots"), raw.get("by", ""), raw.get("task", ""))
