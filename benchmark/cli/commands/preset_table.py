"""The table of a preset: our scores and the paper's, read from result files."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from ...paper.claims import OPEN
from ...paper.comparison import PaperComparison
from ...paper.preset_folder import PresetFolder
from ...paper.tables import claim_table, definitions, label_table, long_table, rich_table
from ...plan import SUPERVISED
from ...scores.convergence import sentences
from ...scores.leaderboard_tables import as_text, score_text
from ..terminal import open_console
from .read_runs import warn_failures, warn_unconverged


def show(folder: PresetFolder, kind: str) -> None:
    """The table of a preset from its files alone."""
    board = read_board(folder)
    warn_failures(board.scored)
    if kind != "table":
        warn_unconverged(board.scored)
    if kind == "table":
        _print(board)
    elif kind == "json":
        print(json.dumps(as_record(board), indent=1))
    else:
        print(as_text(long_table(board), kind))
        if kind == "md" and (judgements := board.judgements()):
            print("\n" + as_text(claim_table(judgements), kind))
        if kind == "md" and board.labels():
            print("\n" + as_text(label_table(board), kind))


def read_board(folder: PresetFolder) -> PaperComparison:
    """What a preset's runs have scored; damaged files are named on stderr and set aside."""
    preset = folder.read()
    results, damaged = folder.results(preset)
    for error in damaged:
        print(f"set aside: {error}", file=sys.stderr)
    return PaperComparison(preset, results)


def as_record(board: PaperComparison) -> dict[str, Any]:
    """Everything as one object; null where there is no number."""
    preset, judgements = board.preset, board.judgements()
    facts = {name: getattr(preset, name) for name in ("name", "scale", "title", "asks", "note", "left_out")}
    claims = [{"says": one.claim.says, "verdict": one.verdict} for one in judgements]
    tables = {"scores": long_table(board), "findings": claim_table(judgements), "labels": label_table(board)}
    return (
        facts
        | {"source": preset.paper.source, "claims": claims}
        | {name: json.loads(as_text(table, "json")) for name, table in tables.items()}
    )


def _print(board: PaperComparison) -> None:
    preset, console = board.preset, open_console()
    title = f"{preset.paper.source}: {preset.title}"
    console.print(
        f"[bold]{escape(title)}[/]; at the scale {preset.scale}, ours (the paper's), IoU in %", soft_wrap=True
    )
    for columns in _blocks([column.name for column in preset.paper.columns], console.width):
        console.print(rich_table(board, columns))
    for sentence in [*definitions(board), preset.note, *preset.left_out, *sentences(board.scored)]:
        if sentence:
            console.print(escape(sentence), style="dim")
    if board.labels():
        console.print(f"\n[bold]Labels that {SUPERVISED} needs for the same score[/], 95 % interval", soft_wrap=True)
        console.print(_labels(label_table(board).to_dict("records")))
    for judgement in board.judgements():
        console.print(f"\n[bold]{escape(judgement.claim.says)}[/]: {judgement.verdict}", soft_wrap=True)
        console.print(_findings(judgement.claim.row, claim_table([judgement]).to_dict("records")))
        if judgement.verdict == OPEN:
            console.print("a difference of this run must be larger than its interval to be told apart", style="dim")


def _blocks(columns: Sequence[str], width: int) -> list[list[str]]:
    """As many columns together as a terminal is wide."""
    most = max(1, (width - 46) // 17)
    return [list(columns[i : i + most]) for i in range(0, len(columns), most)]


def _labels(rows: Sequence[Mapping[Any, Any]]) -> Table:
    table = Table(show_edge=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("row", "score", "labels", "interval", "the paper"):
        table.add_column(name, justify="left" if name in ("row", "the paper") else "right")
    for row in rows:
        interval = row["from"] if row["from"] == row["to"] else f"{row['from']} to {row['to']}"
        table.add_row(escape(row["row"]), f"{row['score']:.1f}", row["labels"], interval, row["paper"])
    return table


def _findings(row: str, findings: Sequence[Mapping[Any, Any]]) -> Table:
    table = Table(show_edge=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("against", "ours", "the paper", ""):
        table.add_column(name, justify="left" if name in ("against", "") else "right")
    for one in findings:
        theirs = score_text(one["paper"], float("nan"))
        difference = score_text(one["ours"], one["ours ±"])
        table.add_row(escape(f"{row} - {one['against']}"), difference, theirs, one["verdict"])
    return table
