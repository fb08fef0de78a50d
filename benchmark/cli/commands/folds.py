"""The mean over folds under the leaderboards of one-shot episodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ...board.board_runs import board_runs
from ...board.query import parse_query
from ...plan import Plan
from ...results import CellResult
from ...run_folder import RunFolder
from ...scores.folds import EPISODES, fold_means, fold_sets
from ...stored_run import shown
from .read_runs import datasets_of

Scored = tuple[Plan, Sequence[CellResult]]


def print_folds(runs: Sequence[Path], metrics: Sequence[str], console: Console) -> None:
    """A line for each backbone and head that is scored in all four folds."""
    parts = {name: scored for path in runs for name, scored in _episodes(path).items()}
    for whole, folds in fold_sets({name: plan for name, (plan, _) in parts.items()}).items():
        results = [parts[name][1] for name in folds]
        for metric in metrics:
            console.print(f"[bold]{escape(whole)}: {metric} IoU, %, mean of {len(folds)} folds[/]", soft_wrap=True)
            means = sorted(fold_means(results, metric).items(), key=lambda pair: -pair[1])
            for (backbone, head, _), mean in means:
                console.print(f"  {mean:5.1f}  {escape(backbone)} {escape(head)}", highlight=False)


def _episodes(path: Path) -> dict[str, Scored]:
    """What was scored in episodes, of a run or of each part of a board; nothing else is read."""
    if not any(name.startswith(EPISODES) for name in datasets_of(path).values()):
        return {}
    if (query := parse_query(path)) is None:
        folder = RunFolder(path)
        return {shown(path): (folder.read_plan(), folder.results()[0])}
    return {f"{path} {run.protocol} {run.dataset}": (run.plan, run.results) for run in board_runs(query)}
