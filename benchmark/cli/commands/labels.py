"""`partbench leaderboard --labels`: the label efficiency of each score."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...plan import NO_HEAD, SUPERVISED
from ...results import CellResult
from ...scores.label_efficiency import LabelEfficiency, label_efficiency, labels_text
from ...scores.leaderboard import KEYS, Leaderboard, estimates
from ...scores.leaderboard_tables import as_text
from ..terminal import open_console
from .read_runs import read_groups


def show(runs: Sequence[Path], metric: str, kind: str) -> None:
    """The table of runs, for people or for a script."""
    for title, results in read_groups(runs).items():
        if kind == "table":
            print_label_efficiency(Leaderboard(results), metric, title, open_console())
        else:
            print(as_text(_frame(label_efficiency(estimates(results, metric))), kind))


def has_curve(results: Sequence[CellResult]) -> bool:
    """Whether these results have the supervised control with several numbers of labels."""
    scored = {r.cell.shots for r in results if r.cell.backbone == SUPERVISED and r.confusion is not None}
    return len(scored) > 1


def print_label_efficiency(board: Leaderboard, metric: str, title: str, console: Console) -> None:
    """The table, under its title."""
    scores = board.estimates(metric)
    rows = label_efficiency(scores)
    curve = {shots: one for (name, _, shots), one in scores.items() if name == SUPERVISED}
    numbers = ", ".join(f"{shots}: {curve[shots].mean:.1f}" for shots in sorted(curve))
    console.print(f"[bold]{escape(title)}: labels that {SUPERVISED} needs[/] for the same {metric}", soft_wrap=True)
    console.print(f"{SUPERVISED} by labels: {numbers}", soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in (*KEYS, metric, "labels", "95 % interval"):
        table.add_column(name, justify="left" if name in KEYS[:2] else "right", overflow="fold")
    for row in rows:
        backbone, head, shots = row.key
        low, high = (labels_text(end, curve) for end in (row.low, row.high))
        texts = f"{row.score:.1f}", labels_text(row.labels, curve), low if low == high else f"{low} to {high}"
        table.add_row(escape(backbone), "" if head == NO_HEAD else escape(head), str(shots), *texts)
    console.print(table)


def _frame(rows: Sequence[LabelEfficiency]) -> pd.DataFrame:
    """0 and empty stand for fewer and for more labels than the curve has."""
    columns = [*KEYS, "score", "labels", "labels low", "labels high"]
    found = pd.DataFrame([[*row.key, row.score, row.labels, row.low, row.high] for row in rows], columns=columns)
    return found.replace(inf, float("nan"))
