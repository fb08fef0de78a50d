"""`partbench leaderboard`: the scores of runs, from their files alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import nan
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import JustifyMethod
from rich.markup import escape
from rich.table import Table

from ..iou import METRICS
from ..leaderboard import KEYS, frame, summarise
from ..plan import Cell
from ..results import CellResult, ResultError, RunFolder
from ..tables import FORMATS, as_text, class_table, rich_crossing, score_text
from ..terminal import open_console


def show(runs: Sequence[Path], metric: str, per_class: bool, kind: str) -> None:
    """Print one leaderboard per protocol among the runs."""
    if kind not in FORMATS:
        raise ResultError(f"there is no format {kind!r}; choose {', '.join(FORMATS)}")
    if metric and metric not in METRICS:
        raise ResultError(f"there is no metric {metric!r}; choose {', '.join(METRICS)}")
    metrics = [metric] if metric else list(METRICS)
    for title, results in _groups(runs).items():
        _tell_failures(results)
        table = frame(results)
        if table.empty:  # every cell of this protocol failed
            continue
        summary = class_table(table) if per_class else summarise(table, metrics)
        if kind != "table":
            print(as_text(summary, kind))
        elif per_class:
            _show_long(summary, title)
        else:
            show_tables(summary, metrics, title)


def show_tables(summary: pd.DataFrame, metrics: Sequence[str], title: str) -> None:
    """One crossing of backbones and heads per metric."""
    console = open_console()
    draws = int(summary["draws"].max())
    interval = f"mean of {draws} draws ± 95 % interval" if draws > 1 else "one draw, so no interval"
    for metric in metrics:
        console.print(f"[bold]{escape(title)}: {metric} IoU, %[/]; {interval}", soft_wrap=True)
        console.print(rich_crossing(summary, metric))


def _groups(runs: Sequence[Path]) -> dict[str, list[CellResult]]:
    """Results by what may be compared: protocol and images. A cell that two runs scored counts once."""
    groups: dict[str, dict[Cell, CellResult]] = {}
    names: dict[str, str] = {}
    for path in runs:
        folder = RunFolder(path)
        plan = folder.read_plan()
        results, damaged = folder.results()
        for error in damaged:
            print(f"set aside: {error}", file=sys.stderr)
        if all(result.error for result in results):
            raise ResultError(f"{path} has no score yet; run it to its end with partbench run")
        for result in results:
            key = f"{plan.hash} {result.provenance.get('data')}"
            title = names.setdefault(key, plan.dataset if plan.dataset not in names.values() else str(path))
            group = groups.setdefault(title, {})
            if result.cell not in group or group[result.cell].error:
                group[result.cell] = result
    return {title: list(group.values()) for title, group in groups.items()}


def _show_long(summary: pd.DataFrame, title: str) -> None:
    """The classes in as many tables as the width of the terminal asks for."""
    console = open_console()
    keys = [name for name in KEYS if name in summary]
    left = sum(max(len(name), *(len(str(value)) for value in summary[name])) + 2 for name in keys)
    console.print(f"[bold]{escape(title)}: IoU of every class, %; mean over draws[/]", soft_wrap=True)
    block: list[str] = []
    for name in [str(column) for column in summary.columns if column not in KEYS]:
        if block and left + sum(max(len(n), 5) + 2 for n in [*block, name]) > console.width:
            console.print(_long(summary[[*keys, *block]]))
            block = []
        block.append(name)
    console.print(_long(summary[[*keys, *block]]))


def _long(summary: pd.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in summary.columns:
        justify: JustifyMethod = "left" if column in ("backbone", "head") else "right"
        table.add_column(escape(str(column)), justify=justify, overflow="fold")
    for row in summary.itertuples(index=False):
        table.add_row(*(escape(score_text(v, nan) if isinstance(v, float) else str(v)) for v in row))
    return table


def _tell_failures(results: Sequence[CellResult]) -> None:
    reasons = [r.error for r in results if r.error]
    for reason in dict.fromkeys(reasons):
        count = reasons.count(reason)
        print(f"{count} cell{'s' if count > 1 else ''} failed: {reason}", file=sys.stderr)
