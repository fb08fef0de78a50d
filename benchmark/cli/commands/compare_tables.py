"""Comparisons as they are printed: by head and shots, or of all backbones in pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from .... import counted
from ...metrics.significance import Comparison, compare
from ...scores.comparability import ComparisonError
from ...scores.comparison_marks import ComparisonMarks
from ...scores.comparison_tables import (
    STUCK,
    Couple,
    as_matrix,
    as_record,
    as_table,
    cell_width,
    conclude,
    conclude_all,
    notes_on,
)
from ...scores.pairings import HEADS, Pairing, Pairs
from ..terminal import open_console
from .compare_options import ComparisonOptions


def show_places(pairs: Pairs, names: Couple, dataset: str, question: ComparisonOptions, marks: ComparisonMarks) -> None:
    """Print the comparisons of a with b, all corrected together; what did not converge is not counted in the end."""
    found = compare(pairs, question.level)
    if not found:
        what = "score of a head that converged" if HEADS in (question.over or ()) else "score"
        raise ComparisonError(f"{names[0]} and {names[1]} have no {what} on the same draws; run what is missing")
    sure = [c for place, c in found.items() if place not in marks.stuck]
    sentence = conclude(sure, names, question.level, left_out=len(found) - len(sure))
    if question.as_json:
        records = [
            _pairing_record(place) | {"converged": marks.converged(place)} | as_record(names, c, question.level)
            for place, c in found.items()
        ]
        _print_json(records, dataset, question, sentence)
        return
    console = open_console()
    console.print(f"[bold]{_title(dataset, question)}[/]; {_over([*found.values()])}", soft_wrap=True)
    console.print(f"A: {escape(names[0])}\nB: {escape(names[1])}", soft_wrap=True)
    console.print(as_table(found, question.level, marks.stuck))
    for line in notes_on([*found.values()], question.level):
        console.print(line)
    if len(sure) < len(found):
        console.print(f"{STUCK}: a head did not converge, and the conclusion leaves it out")
    console.print(f"[bold]{escape(sentence)}[/]")


def show_pairs(found: Mapping[Couple, Comparison], dataset: str, question: ComparisonOptions) -> None:
    """Print the comparisons of all backbones in pairs."""
    sentence = conclude_all([*found.values()], question.level)
    if question.as_json:
        _print_json([as_record(names, c, question.level) for names, c in found.items()], dataset, question, sentence)
        return
    console = open_console()
    console.print(f"[bold]{_title(dataset, question)}[/]; {_over([*found.values()])}", soft_wrap=True)
    console.print("the column less the row; mean over heads and shots")
    _print_matrix(found, question.level)
    for line in notes_on([*found.values()], question.level, matrix=True):
        console.print(line)
    console.print(f"[bold]{escape(sentence)}[/]")


def _print_matrix(found: Mapping[Couple, Comparison], level: float) -> None:
    """In as many tables as the width of the terminal asks for."""
    console = open_console()
    names = [*dict.fromkeys(name for a, b in found for name in (b, a))]
    ahead = [name for name in names if any(name == b for _, b in found)]
    left = len(str(len(names))) + max(map(len, names)) + 4
    width = max(1, (console.width - min(left, console.width // 2)) // cell_width(found.values()))
    for first in range(0, len(ahead), width):
        console.print(as_matrix(found, names, ahead[first : first + width], level))


def _pairing_record(place: Pairing) -> dict[str, Any]:
    backbone = {"backbone": place.backbone} if place.backbone else {}
    return backbone | {"head": place.head, "shots": place.shots}


def _over(found: Sequence[Comparison]) -> str:
    """What the intervals are over."""
    draws = max(len(c.difference.draws) for c in found)
    return f"{counted(draws, 'draw')} x {found[0].difference.images} test images"


def _title(dataset: str, question: ComparisonOptions) -> str:
    return f"{escape(dataset)}: {question.metric} IoU, %"


def _print_json(records: list[dict[str, Any]], dataset: str, question: ComparisonOptions, sentence: str) -> None:
    head = {"dataset": dataset, "metric": question.metric, "level": question.level, "correction": "Holm"}
    print(json.dumps({**head, "comparisons": records, "conclusion": sentence}, indent=1))
