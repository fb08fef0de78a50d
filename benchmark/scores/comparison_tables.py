"""Comparisons as a table, as one plain sentence, and as numbers for programs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import counted
from ..metrics.significance import Comparison
from ..plan import NO_HEAD
from . import convergence
from .leaderboard_tables import score_text
from .pairings import Pairing

if TYPE_CHECKING:
    from rich.table import Table

DIGITS = 4
"""Of a number for programs."""
MARK = "*"
"""Beside a difference that is more than chance."""
STUCK = convergence.MARK
"""In place of that mark where a head did not converge."""
Couple = tuple[str, str]
"""The names of a and b."""


def conclude(found: Sequence[Comparison], names: Couple, level: float, left_out: int = 0) -> str:
    """What all comparisons of b with a come to, in one sentence; `left_out` more did not converge."""
    rest = f"{left_out} did not converge and {'are' if left_out > 1 else 'is'} left out"
    if left_out and not found:
        return f"nothing is said of {names[0]} and {names[1]}: {rest}"
    return _conclude(found, names, level) + (f"; {rest}" if left_out else "")


def _conclude(found: Sequence[Comparison], names: Couple, level: float) -> str:
    a, b = names
    shown = [c.difference.mean for c in found if c.shown(level)]
    better, worse = sum(d > 0 for d in shown), sum(d < 0 for d in shown)
    many = counted(len(found), "comparison")
    if not shown:
        return f"no difference between {a} and {b} is shown in {many}{_unseen(found, level)}"
    first, second, more, less = (b, a, better, worse) if better >= worse else (a, b, worse, better)
    also = f" and worse in {less}" if less else ""
    alike = len(found) - len(shown)
    rest = f"; {alike} cannot be told apart{_unseen(found, level)}" if alike else ""
    return f"{first} is better than {second} in {more} of {many}{also}{rest}"


def conclude_all(found: Sequence[Comparison], level: float) -> str:
    """What the comparisons of many pairs come to, in one sentence."""
    shown = sum(c.shown(level) for c in found)
    return f"{shown} of {len(found)} pairs differ by more than chance{_unseen(found, level)}"


def _unseen(found: Sequence[Comparison], level: float) -> str:
    """What would have been shown where nothing was."""
    least = [c.detectable for c in found if not c.shown(level) and not isnan(c.detectable)]
    middle = " (median)" if len(least) > 1 else ""
    return f"; a difference of {np.median(least):.1f} points would have been shown{middle}" if least else ""


def notes_on(found: Sequence[Comparison], level: float, matrix: bool = False) -> list[str]:
    """What a reader of the table ought to know, or of a matrix, where there is less to explain."""
    corrected = f", Holm-corrected for {len(found)}" if len(found) > 1 else ""
    notes = [f"{MARK}: p of no difference below {1 - level:.2g}{corrected}"]
    if not matrix:
        notes = [
            f"±: {100 * level:g} % interval{' of each alone' if corrected else ''}; p: of no difference{corrected};",
            f"{MARK}: p below {1 - level:.2g}; least: a difference that is shown four times in five",
        ]
    if any(len(c.difference.draws) == 1 for c in found):
        notes.append("one draw: intervals and p hold for these shots alone")
    if any(isnan(c.p) for c in found):
        notes.append("-: cannot be known; the score or its chance is no number")
    return notes


def as_table(found: Mapping[Pairing, Comparison], level: float, stuck: Collection[Pairing] = ()) -> Table:
    """A row per place: both scores, their difference with its interval, p, and what would have been shown.

    `stuck` are places where a head did not converge, which have a mark of their own.
    """
    table, place_columns = _empty(), _columns(found)
    for column in (*place_columns, "A", "B", "B - A", "", "p", "least"):
        table.add_column(column, justify="left" if column in ("backbone", "head", "") else "right", overflow="fold")
    shots: int | None = None
    for place, c in found.items():
        if "shots" in place_columns and shots not in (None, place.shots):
            table.add_section()
        shots = place.shots
        own = [text for name, text in zip(Pairing._fields, _texts(place), strict=True) if name in place_columns]
        mark = STUCK if place in stuck else ""
        table.add_row(*own, *_numbers(c, level, mark), style="" if c.shown(level) and not mark else "dim")
    return table


def _columns(found: Mapping[Pairing, Comparison]) -> list[str]:
    """The parts of a place that some row names."""
    texts = [_texts(place) for place in found]
    return [name for i, name in enumerate(Pairing._fields) if any(text[i] for text in texts)]


def _texts(place: Pairing) -> tuple[str, str, str]:
    from rich.markup import escape

    head = "" if place.head == NO_HEAD else escape(place.head)
    return escape(place.backbone), head, "" if place.shots is None else str(place.shots)


def _numbers(c: Comparison, level: float, mark: str) -> list[str]:
    nothing = float("nan")
    difference = score_text(c.difference.mean, c.difference.half_width(level))
    signed = f"+{difference}" if c.difference.mean > 0 else difference
    scores = [score_text(side.mean, nothing) for side in (c.a, c.b)]
    return [*scores, signed, mark or (MARK if c.shown(level) else ""), p_text(c.p), score_text(c.detectable, nothing)]


def p_text(p: float) -> str:
    """`0.012`, or `<0.001`."""
    return "-" if isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def as_matrix(found: Mapping[Couple, Comparison], names: Sequence[str], columns: Sequence[str], level: float) -> Table:
    """By how much the backbone of the column is ahead of that of the row; a column is named by its place in `names`."""
    from rich.markup import escape

    table = _empty()
    table.padding = (0, 0, 0, 0)
    table.add_column("", justify="right")
    table.add_column("backbone", overflow="fold")
    for name in columns:
        table.add_column(str(names.index(name) + 1), justify="right", no_wrap=True)
    for row, name in enumerate(names, start=1):
        pairs = [found.get((name, other)) for other in columns]
        table.add_row(str(row), escape(name), *("" if c is None else _ahead(c, level) for c in pairs))
    return table


def cell_width(found: Iterable[Comparison]) -> int:
    """Letters of the widest cell of a matrix, with its mark and a space."""
    return 2 + max(len(score_text(c.difference.mean, float("nan"))) for c in found)


def _ahead(c: Comparison, level: float) -> str:
    text = score_text(c.difference.mean, float("nan"))
    return f"[bold]{text}{MARK}[/]" if c.shown(level) else f"{text} "


def _empty() -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)


def as_record(names: Couple, c: Comparison, level: float) -> dict[str, Any]:
    """A comparison's numbers; null where there is none."""
    return {
        "a": names[0],
        "b": names[1],
        "score a": number(c.a.mean),
        "score b": number(c.b.mean),
        "difference": number(c.difference.mean),
        "half width": number(c.difference.half_width(level)),
        "p": None if isnan(c.p) else float(f"{c.p:.{DIGITS}g}"),
        "detectable": number(c.detectable),
        "shown": c.shown(level),
        "draws": len(c.difference.draws),
        "images": c.difference.images,
    }


def number(value: float) -> float | None:
    """A number for programs, None for NaN."""
    return None if isnan(value) else round(float(value), DIGITS)
