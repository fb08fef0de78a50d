"""`partbench leaderboard`: the scores of runs, from their files alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..iou import METRICS
from ..leaderboard import frame, summarise
from ..results import CellResult, ResultError, RunFolder
from ..tables import FORMATS, as_text, class_table, rich_crossing


def show(runs: Sequence[Path], metric: str, per_class: bool, kind: str) -> None:
    """Print one leaderboard per protocol among the runs."""
    if kind not in FORMATS:
        raise ResultError(f"there is no format {kind!r}; choose {', '.join(FORMATS)}")
    if metric and metric not in METRICS:
        raise ResultError(f"there is no metric {metric!r}; choose {', '.join(METRICS)}")
    metrics = [metric] if metric else list(METRICS)
    for title, results in _groups(runs).items():
        table = frame(results)
        if table.empty:
            raise ResultError(f"{title} has no score yet; run it to its end with partbench run")
        summary = class_table(table) if per_class else summarise(table, metrics)
        if kind != "table":
            print(as_text(summary, kind))
        elif per_class:
            Console().print(_long(summary, title))
        else:
            show_tables(summary, metrics, title)
        _tell_failures(results)


def show_tables(summary: pd.DataFrame, metrics: Sequence[str], title: str) -> None:
    """One crossing of backbones and heads per metric."""
    console = Console()
    draws = int(summary["draws"].max())
    interval = f"mean of {draws} draws ± 95 % interval" if draws > 1 else "one draw, so no interval"
    for metric in metrics:
        console.print(rich_crossing(summary, metric, f"{escape(title)}: {metric} IoU, %; {interval}"))


def _groups(runs: Sequence[Path]) -> dict[str, list[CellResult]]:
    """Results by what may be compared: the hash of the plan and of the shots."""
    groups: dict[str, list[CellResult]] = {}
    names: dict[str, str] = {}
    for path in runs:
        folder = RunFolder(path)
        plan = folder.read_plan()
        for result in folder.results():
            key = f"{plan.hash} {result.provenance.get('shots')}"
            title = names.setdefault(key, f"{plan.dataset}" if plan.dataset not in names.values() else str(path))
            groups.setdefault(title, []).append(result)
        if not groups:
            raise ResultError(f"{path} has no score yet; run it to its end with partbench run")
    return groups


def _long(summary: pd.DataFrame, title: str) -> Table:
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title_justify="left")
    for column in summary.columns:
        table.add_column(str(column), justify="left" if column in ("backbone", "head") else "right")
    for row in summary.itertuples(index=False):
        table.add_row(*(escape(f"{v:.1f}" if isinstance(v, float) else str(v)) for v in row))
    return table


def _tell_failures(results: Sequence[CellResult]) -> None:
    reasons = [r.error for r in results if r.error]
    for reason in dict.fromkeys(reasons):
        print(f"{reasons.count(reason)} cells failed: {reason}", file=sys.stderr)
