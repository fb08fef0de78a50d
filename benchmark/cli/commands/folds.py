"""The mean over folds under the leaderboards of one-shot episodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ...run_folder import RunFolder
from ...scores.folds import fold_means, fold_sets


def print_folds(runs: Sequence[Path], metrics: Sequence[str], console: Console) -> None:
    """A line for each backbone and head that is scored in all four folds."""
    folders = {str(path): RunFolder(path) for path in runs}
    for whole, folds in fold_sets({name: folder.read_plan() for name, folder in folders.items()}).items():
        results = [folders[name].results()[0] for name in folds]
        for metric in metrics:
            console.print(f"[bold]{escape(whole)}: {metric} IoU, %, mean of {len(folds)} folds[/]", soft_wrap=True)
            means = sorted(fold_means(results, metric).items(), key=lambda pair: -pair[1])
            for (backbone, head, _), mean in means:
                console.print(f"  {mean:5.1f}  {escape(backbone)} {escape(head)}", highlight=False)
