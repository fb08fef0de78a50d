"""The summary printed at the end of a run: leaderboard, flags, failures, pictures and cost."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from ...auto_shot_names import is_auto_shot
from ...metrics.definitions import DEFAULT
from ...plan import NO_HEAD, Plan
from ...results import CellResult, ResultError
from ...run_folder import RunFolder
from ...scores.leaderboard import Leaderboard, ranked
from ...scores.leaderboard_tables import as_text
from ...stored_run import shown
from .checks import print_signoffs
from .flags import print_flags
from .leaderboard import show_tables


def show_end(plan: Plan, folder: RunFolder, console: Console, as_json: bool) -> int:
    """Print the summary of a plan's cells; 0 if all of them have a score, 1 if some have, an error if none has."""
    from ...gallery import compare_predictions

    results, _ = folder.results(plan.cells())
    cells = sum(1 for _ in plan.cells())
    missing = cells - sum(result.confusion is not None for result in results)
    if missing == cells:
        raise ResultError(f"no cell of {shown(folder.path)} could be scored; the reasons stand above")
    board = Leaderboard(results)
    summary = board.summarise()
    if as_json:
        print(as_text(summary, "json"))
        return 1 if missing else 0
    show_tables(board, summary, DEFAULT, plan.dataset)
    print_flags([folder.path], console, plan.backbones)
    print_signoffs([folder.path], console, {*plan.backbones, *plan.heads, plan.dataset})
    _print_missing(folder, sum(result.error is not None for result in results), missing, cells, console)
    most = max(plan.shots)
    scored = summary[(summary["shots"] == most) & (summary["head"] != NO_HEAD)]
    if not scored.empty:
        head = str(scored.groupby("head")["mean"].mean().fillna(-1).idxmax())  # images without truth have no score
        picture = compare_predictions(folder.path, ranked(scored, "mean"), head, most)
        if picture:
            console.print(f"pictures: {escape(str(picture))} and beside it", soft_wrap=True)
    _print_cost(results, console)
    return 1 if missing else 0


def _print_missing(folder: RunFolder, failed: int, missing: int, cells: int, console: Console) -> None:
    """How many cells have no score, and whether they failed or were skipped."""
    if failed:
        where = escape(str(folder.path / "cells"))
        console.print(f"[yellow]{failed} of {cells} cells failed; their files in {where} say why[/]", soft_wrap=True)
    if missing > failed:
        how = "the same command computes them"
        console.print(f"[yellow]{missing - failed} of {cells} cells were skipped; {how}[/]", soft_wrap=True)


def _print_cost(results: Sequence[CellResult], console: Console) -> None:
    """Seconds per image of every backbone, inversion included."""
    few = [r for r in results if r.error is None and not is_auto_shot(r.cell.head)]
    costs = {r.cell.backbone: r.provenance.get("seconds per image") for r in few}
    text = ", ".join(f"{name} {1000 * s:.1f}" for name, s in costs.items() if s is not None)
    if text:
        console.print(f"ms per image, inversion included: {escape(text)}", soft_wrap=True)
