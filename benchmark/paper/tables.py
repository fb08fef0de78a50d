"""Tables of a preset: our scores, the paper's scores, and its claims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..plan import SUPERVISED
from ..scores.convergence import MARK, NOT_CONVERGED
from ..scores.label_efficiency import labels_text
from ..scores.leaderboard_tables import score_text
from .comparison import ClaimResult, ComparedScore, PaperComparison
from .published_scores import PaperTask

if TYPE_CHECKING:
    from rich.table import Table

Place = tuple[str, str, str, str, int | None]
"""Name, reporter, backbone, head and shots of a row."""


def long_table(board: PaperComparison) -> pd.DataFrame:
    """One row per score, with both definitions in full."""
    return pd.DataFrame([_record(board, line) for line in board.lines()]).astype({"shots": "Int64"})


def _record(board: PaperComparison, line: ComparedScore) -> dict[str, Any]:
    part, ours = line.part, line.ours
    return {
        "row": line.row,
        "shots": line.shots,
        "column": line.column,
        "backbone": line.backbone if part is None else part.backbones[line.backbone],
        "head": line.head,
        "ours": nan if ours is None else ours.mean,
        "ours ±": nan if ours is None else ours.half_width(),
        "paper": nan if line.paper is None else line.paper,
        "reported by": line.by,
        "source": board.preset.paper.source if line.by else "",
        "metric": line.metric,
        "classes": ", ".join(line.task.classes),
        "our images": "" if part is None else f"{part.plan.dataset}, {part.plan.size} px",
        "our overlaps": "" if part is None else part.overlaps,
        "paper's images": line.task.images if line.by else "",
        "paper's overlaps": line.task.overlaps if line.by else "",
        "draws": 0 if ours is None else len(ours.draws),
        NOT_CONVERGED: line.unconverged,
        "test images": 0 if ours is None else ours.images,
        "schedule": "" if part is None else part.plan.schedule,
    }


def claim_table(judgements: Iterable[ClaimResult]) -> pd.DataFrame:
    """One row per comparison that a claim makes."""
    return pd.DataFrame([row for judgement in judgements for row in _findings(judgement)])


def _findings(judgement: ClaimResult) -> list[dict[str, Any]]:
    claim, rows = judgement.claim, []
    counts = f", {', '.join(map(str, claim.against_shots))} shots" if claim.against_shots else ""
    for finding in judgement.findings:
        paper = judgement.paper[finding.against]
        rows.append(
            {
                "claim": claim.says,
                "asks": claim.kind + (f" {claim.margin:g}" if claim.margin else ""),
                "row": claim.row,
                "against": finding.against + counts,
                "column": claim.column,
                "ours": finding.difference.mean,
                "ours ±": finding.half_width,
                "p": finding.p,
                "paper": nan if paper is None else paper,
                "verdict": finding.verdict,
                "all together": judgement.verdict,
            }
        )
    return rows


def label_table(board: PaperComparison) -> pd.DataFrame:
    """How many labels each row is worth, and what the paper says of it."""
    efficiencies, paper_labels = board.labels(), board.preset.paper.labels
    curve = {
        shots: None for part in board.preset.parts if SUPERVISED in part.plan.backbones for shots in part.plan.shots
    }
    return pd.DataFrame(
        {
            "row": list(efficiencies),
            "score": [one.score for one in efficiencies.values()],
            "labels": [labels_text(one.labels, curve) for one in efficiencies.values()],
            "from": [labels_text(one.low, curve) for one in efficiencies.values()],
            "to": [labels_text(one.high, curve) for one in efficiencies.values()],
            "paper": [paper_labels.get(name, "") for name in efficiencies],
        }
    )


def rich_table(board: PaperComparison, columns: Sequence[str]) -> Table:
    """Rows as in the paper, then ours that it does not have; in a cell our score, and the paper's in brackets."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("row", "backbone", "head"):
        table.add_column(name, overflow="fold")
    for name in ("shots", *columns):
        table.add_column(escape(name), justify="right", overflow="fold")
    cells = _cells(board)
    for place, texts in cells.items():
        row, by, backbone, head, shots = place
        names = [f"{row} {by}".strip(), backbone, head, "" if shots is None else str(shots)]
        table.add_row(*map(escape, names), *(escape(texts.get(column, "")) for column in columns))
    return table


def _cells(board: PaperComparison) -> dict[Place, dict[str, str]]:
    """The text of every cell, by row and column."""
    cells: dict[Place, dict[str, str]] = {}
    for line in board.lines():
        by = line.by if line.by not in ("", "the paper") else _reporter(board, line)
        place = line.row, by, line.backbone, line.head, line.shots
        cells.setdefault(place, {})[line.column] = cell_text(line)
    return {place: texts for place, texts in cells.items() if any(texts.values())}


def _reporter(board: PaperComparison, line: ComparedScore) -> str:
    return next((row.by for row in board.preset.paper.rows if row.name == line.row), "")


def cell_text(line: ComparedScore) -> str:
    """`54.6±8.1 (85.2)`: ours, marked where heads did not converge, and the paper's; `(85.2)` where we have none."""
    mark = MARK if line.unconverged else ""
    ours = "" if line.ours is None else score_text(line.ours.mean, line.ours.half_width()) + mark
    theirs = "" if line.paper is None else f"({line.paper:.1f})"
    return " ".join(filter(None, [ours, theirs]))


def definitions(board: PaperComparison) -> list[str]:
    """A sentence per task and metric: what both numbers of a cell are, and where they are not the same thing."""
    seen: dict[str, None] = {}
    columns: dict[tuple[str, str], list[str]] = {}
    for line in board.lines():
        shown = columns.setdefault((line.task.name, _kind(line.metric)), [])
        if line.column not in shown:
            shown.append(line.column)
    for (task, metric), names in columns.items():
        lines = [one for one in board.lines() if (one.task.name, _kind(one.metric)) == (task, metric)]
        seen[_definition(names, metric, lines)] = None
    return list(seen)


def _kind(metric: str) -> str:
    return "IoU of the class" if metric.startswith("iou:") else metric


def _definition(names: Sequence[str], metric: str, lines: Sequence[ComparedScore]) -> str:
    task = lines[0].task
    ours = next((line for line in lines if line.ours is not None), None)
    text = f"{', '.join(names)}: {metric}{_classes(task, metric)}."
    if ours is not None and ours.part is not None and ours.ours is not None:
        plan = ours.part.plan
        text += f" Ours: {plan.dataset}, {plan.size} px, overlaps: {ours.part.overlaps}; {len(ours.ours.draws)} draws x"
        text += f" {ours.ours.images} test images, schedule {plan.schedule}, ± 95 %."
    if any(line.by for line in lines):
        text += f" The paper: {task.images}; overlaps: {task.overlaps}; no interval."
    return text


def _classes(task: PaperTask, metric: str) -> str:
    if metric.startswith("IoU"):
        return ""
    return f" over {len(task.classes)} classes" + (
        ", the background among them" if task.background else ", no background"
    )
