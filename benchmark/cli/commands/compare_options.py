"""What a comparison is asked for, and the scores of a run that it means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ...metrics.definitions import find_metric
from ...plan import NO_HEAD
from ...results import CellResult
from ...scores.comparability import ComparisonError
from ...scores.pairings import HEADS, SHOTS
from ...stored_run import shown


@dataclass(frozen=True)
class ComparisonOptions:
    """Options of a comparison."""

    metric: str
    heads: tuple[str, ...]
    """All if empty; backbones without a head are always in."""
    shots: tuple[int, ...]
    """All if empty."""
    over: tuple[str, ...] | None
    """What is averaged over; None: as it is usual."""
    level: float
    as_json: bool

    def __post_init__(self) -> None:
        find_metric(self.metric)
        if not 0 < self.level < 1:
            raise ComparisonError(f"--level {self.level:g} is none; choose one between 0 and 1, as 0.95")


def parse_over(text: str | None) -> tuple[str, ...] | None:
    """`heads,shots` as what is averaged over; None without the option."""
    parts = None if text is None else tuple(part.strip() for part in text.split(","))
    if parts is not None and not {*parts} <= {HEADS, SHOTS}:
        raise ComparisonError(f"--over takes heads, shots or heads,shots, and not {text!r}")
    return parts


def chosen_cells(results: Sequence[CellResult], question: ComparisonOptions, run: Path) -> list[CellResult]:
    """The scored cells of the heads and shots that were asked for."""
    scored = [result for result in results if not result.error]
    heads = dict.fromkeys(result.cell.head for result in scored if result.cell.head != NO_HEAD)
    wanted = {*require(question.heads, heads, "head", run), NO_HEAD} if question.heads else {*heads, NO_HEAD}
    counts = dict.fromkeys(result.cell.shots for result in scored)
    for count in question.shots:
        if count not in counts:
            raise ComparisonError(
                f"{shown(run)} has no scores of {count} shots; choose {', '.join(map(str, sorted(counts)))}"
            )
    return [r for r in scored if r.cell.head in wanted and r.cell.shots in (question.shots or counts)]


def require(names: Sequence[str], present: Iterable[str], noun: str, run: Path) -> Sequence[str]:
    """Check that names are in a run; the error suggests the nearest one."""
    there = list(present)
    for name in names:
        if name not in there:
            close = get_close_matches(name, there, 1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(there) or 'none'}"
            raise ComparisonError(f"no {noun} of {shown(run)} is called '{name}'; {hint}")
    return names
