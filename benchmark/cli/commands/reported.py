"""What papers report on the images of a run, for under its leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...paper.reported_scores import NOTE, reported_for
from ...results import CellResult
from .read_runs import datasets_of


def print_reported(runs: Sequence[Path], results: Sequence[CellResult], console: Console) -> None:
    """A table of the scores on images of the same dataset and classes, where there are any; no rank is among them."""
    datasets = {data: name for path in runs for data, name in datasets_of(path).items()}
    first = results[0]
    found = reported_for(datasets.get(str(first.provenance.get("data")), ""), first.classes, first.excluded)
    if not found:
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("method", "shots", "score", "metric", "reported in"):
        table.add_column(name, justify="right" if name in ("shots", "score") else "left", overflow="fold")
    for one in found:
        shots = "-" if one.shots is None else str(one.shots)
        table.add_row(*map(escape, (one.method, shots, one.text, one.metric or "not known", one.where)))
    console.print("[bold]Reported elsewhere, IoU, %[/]", soft_wrap=True)
    console.print(table)
    for definition in dict.fromkeys(f"{one.metric or 'not known'}: {one.definition}; {one.split}" for one in found):
        console.print(escape(definition), soft_wrap=True, highlight=False)
    console.print(f"{NOTE}\n", soft_wrap=True)
