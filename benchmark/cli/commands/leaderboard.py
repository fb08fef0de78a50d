"""`partbench leaderboard`: the scores of runs, from their files alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import isnan, nan
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from .... import counted
from ...flags import some
from ...metrics.definitions import DEFAULT, find_metric
from ...paper.preset_folder import PresetFolder, is_preset
from ...results import CellResult, ResultError
from ...scores.convergence import MARK, NOT_CONVERGED, sentences
from ...scores.cost_tradeoff import cost_table, read_costs, was_stopped
from ...scores.leaderboard import KEYS, Estimates, Leaderboard, frame, places
from ...scores.leaderboard_tables import FORMATS, as_text, class_table, rich_score_table, score_text
from ..terminal import open_console
from .checks import print_signoffs
from .flags import print_flags
from .folds import print_folds
from .labels import has_curve, print_label_efficiency
from .missing import missing_cells
from .preset_table import show as show_preset_table
from .read_runs import read_groups, warn_failures, warn_unconverged
from .reported import print_reported


def show(runs: Sequence[Path], metric: str, per_class: bool, kind: str) -> None:
    """Print one leaderboard per protocol among the runs."""
    if kind not in FORMATS:
        raise ResultError(f"there is no format {kind!r}; choose {', '.join(FORMATS)}")
    metrics = parse_metrics(metric)
    for path in filter(is_preset, runs):
        show_preset_table(PresetFolder(path), kind)
    runs = [path for path in runs if not is_preset(path)]
    for sentence in filter(None, map(missing_cells, runs)):
        print(sentence, file=sys.stderr)
    for title, results in read_groups(runs).items():
        warn_failures(results)
        if all(result.confusion is None for result in results):
            continue
        board = Leaderboard(results)
        summary = _classes(board) if per_class else board.summarise(metrics)
        if kind != "table":
            warn_unconverged(results)
            print(as_text(summary, kind))
        elif per_class:
            _show_classes(summary, title)
            print_convergence(results, open_console())
        else:
            show_tables(board, summary, metrics, title)
            show_moves(board, metrics)
            if has_curve(results):
                print_label_efficiency(board, metrics[0], title, open_console())
            print_reported(runs, results, open_console())
    if runs and kind == "table":
        print_folds(runs, metrics, open_console())
        print_flags(runs, open_console())
        print_signoffs(runs, open_console())


def show_costs(runs: Sequence[Path], metric: str, file: Path, kind: str) -> None:
    """Scores beside what `partbench throughput` measured."""
    costs, metrics = read_costs(file), parse_metrics(metric)
    for title, results in read_groups(runs).items():
        warn_failures(results)
        warn_unconverged(results)
        table = cost_table(results, costs, metrics[0])
        if kind != "table":
            print(as_text(table, kind))
            continue
        console = open_console()
        console.print(f"[bold]{escape(title)}: {metrics[0]} IoU, %, against cost[/]; mean over heads and shots")
        console.print(_long(table.assign(front=table["front"].map({True: "*", False: ""}))))
        console.print("* no other has a better score and is faster; images/s: of the fastest batch, in float32")
        if missing := [name for name in table["backbone"] if name not in costs]:
            stopped = ", whose measurement was stopped," if was_stopped(file) else ""
            console.print(f"{escape(str(file))}{stopped} has no speed of {escape(some(missing))}", soft_wrap=True)


def parse_metrics(text: str) -> tuple[str, ...]:
    """`mean,image_mean-bg` as names of metrics that are there; the usual ones by default."""
    names = tuple(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))
    return tuple(find_metric(name).name for name in names) or DEFAULT


def show_tables(board: Leaderboard, summary: pd.DataFrame, metrics: Sequence[str], title: str) -> None:
    """Print one table of backbones and heads per metric."""
    console = open_console()
    for metric in metrics:
        scores = board.estimates(metric)
        if all(isnan(estimate.mean) for estimate in scores.values()):
            console.print(f"[bold]{escape(title)}: {metric} IoU[/]: no class here counts in it", soft_wrap=True)
            console.print(f"({escape(find_metric(metric).formula)})\n", soft_wrap=True)
            continue
        console.print(f"[bold]{escape(title)}: {metric} IoU, %[/]; {_interval_note(scores)}", soft_wrap=True)
        console.print(rich_score_table(summary, metric, places(board.trusted(metric))))
    if len({r.cell.backbone for r in board.results}) > 1:
        console.print("rank 2-4: cannot be told apart by a paired test of 5 % (Holm), over all heads;")
        console.print("bold: cannot be told from the best of its column\n")
    print_convergence(board.results, console)


def print_convergence(results: Sequence[CellResult], console: Console) -> None:
    """How many cells did not converge, for under a leaderboard."""
    for sentence in sentences(results):
        console.print(escape(sentence), style="yellow", highlight=False)


def _interval_note(scores: Estimates) -> str:
    """Which draws and images the intervals cover."""
    draws, images = max(len(e.draws) for e in scores.values()), max(e.images for e in scores.values())
    over = f"{counted(draws, 'draw')} x {images} test images, ± 95 % interval"
    return over if draws > 1 else f"{over} for these shots"


def show_moves(board: Leaderboard, metrics: Sequence[str]) -> None:
    """Where the choice of a metric moves a backbone to another place."""
    table = board.rank_moves(metrics)
    if len(metrics) > 1 and not table.empty:
        console = open_console()
        console.print("[bold]Places by metric[/], mean over heads and shots; those that differ", soft_wrap=True)
        console.print(_long(table))


def _classes(board: Leaderboard) -> pd.DataFrame:
    """The IoU of every class, and how many draws did not converge."""
    table = class_table(frame(board.results))
    keys = list(table[KEYS].itertuples(index=False, name=None))
    return table.assign(**{NOT_CONVERGED: board.unconverged_draws(keys)})


def _show_classes(summary: pd.DataFrame, title: str) -> None:
    """The classes in as many tables as the width of the terminal asks for."""
    console, bad = open_console(), summary.pop(NOT_CONVERGED).fillna(0) > 0
    summary["head"] = summary["head"].where(~bad, summary["head"] + MARK)
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


def _text(value: object) -> str:
    return "-" if value is pd.NA else str(value)


def _long(summary: pd.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in summary.columns:
        justify: JustifyMethod = "left" if column in ("backbone", "head") else "right"
        table.add_column(escape(str(column)), justify=justify, overflow="fold")
    for row in summary.itertuples(index=False):
        table.add_row(*(escape(score_text(v, nan) if isinstance(v, float) else _text(v)) for v in row))
    return table
