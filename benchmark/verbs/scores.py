"""The verbs that read a run's scores, and run nothing: `leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .app import app


@app.command()
def leaderboard(
    runs: Annotated[list[Path], typer.Argument(help="Folders that partbench run wrote.")],
    metric: Annotated[str, typer.Option(help="Definitions, with commas, as mean,image_mean-bg.")] = "",
    per_class: Annotated[bool, typer.Option("--per-class", help="IoU of every class instead.")] = False,
    cost: Annotated[Optional[Path], typer.Option(help="Scores beside this file of partbench throughput.")] = None,  # noqa: UP045
    kind: Annotated[str, typer.Option("--format", help="table, csv, md or json.")] = "table",
) -> None:
    """Print the leaderboard of one run or several; nothing is run again.

    What cannot be told apart shares a rank. Several metrics show how ranks move between definitions.

    Example:  partbench leaderboard runs/faces --metric mean,image_mean --format md
    """
    from ..commands import ranking

    if cost:
        ranking.show_costs(runs, metric, cost, kind)
    else:
        ranking.show(runs, metric, per_class, kind)
