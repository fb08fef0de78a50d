"""`partbench compare`: two runs, two backbones of one, or all of them in pairs; paired, from their files alone."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.markup import escape

from .... import counted
from ...metrics.definitions import find_metric
from ...metrics.significance import Comparison, compare
from ...plan import NO_HEAD
from ...results import CellResult, Key
from ...scores.comparability import ComparisonError, check_comparable, check_same_protocol
from ...scores.comparison_tables import (
    Couple,
    as_matrix,
    as_record,
    as_table,
    cell_width,
    conclude,
    conclude_all,
    notes_on,
)
from ...scores.convergence import trusted, unconverged
from ...scores.convergence import unknown as unnoted
from ...scores.leaderboard import estimates
from ...scores.pairings import ALL, HEADS, SHOTS, Pairing, Pairs, average_over, of_all, of_backbones, of_runs
from ...stored_run import shown
from ..terminal import open_console
from .read_runs import read_run, warn_failures, warn_makers, warn_unconverged


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


def show(runs: Sequence[Path], between: tuple[str, str] | None, question: ComparisonOptions) -> None:
    """Compare backbones of one run, or two runs."""
    if len(runs) > 2 or (between and len(runs) > 1):
        mend = "name one with --between or without, or two without it"
        raise ComparisonError(
            f"{len(runs)} runs are not compared at once{' with --between' if between else ''}; {mend}"
        )
    if between:
        _two_backbones(runs[0], between, question)
    elif len(runs) == 2:
        _two_runs(runs[0], runs[1], question)
    else:
        _all_backbones(runs[0], question)


def _two_runs(one: Path, other: Path, question: ComparisonOptions) -> None:
    plan, results = read_run(one)
    plan_b, results_b = read_run(other)
    names = (shown(one), shown(other))
    check_same_protocol(plan, plan_b, names)
    warn_failures([*results, *results_b])
    warn_unconverged(results)
    warn_unconverged(results_b)
    a, b = (_chosen(found, question, path) for found, path in ((results, one), (results_b, other)))
    check_comparable({names[0]: a, names[1]: b})
    warn_makers(names, a, b)
    bad, bad_b = unconverged(results), unconverged(results_b)
    scores, scores_b = estimates(a, question.metric), estimates(b, question.metric)
    if HEADS in (question.over or ()):
        scores, scores_b = trusted(scores, bad), trusted(scores_b, bad_b)
    pairs = of_runs(scores, scores_b)
    marks = _Marks.of(pairs, [results, results_b], question, named=True)
    _answer(average_over(pairs, question.over) if question.over else pairs, names, plan.dataset, question, marks)


def _two_backbones(run: Path, names: Couple, question: ComparisonOptions) -> None:
    plan, results = read_run(run)
    warn_failures(results)
    warn_unconverged(results)
    backbones = dict.fromkeys(result.cell.backbone for result in results if not result.error)
    a, b = (require([name], backbones, "backbone", run)[0] for name in names)
    chosen = [result for result in _chosen(results, question, run) if result.cell.backbone in names]
    check_comparable({shown(run): chosen})
    scores = estimates(chosen, question.metric)
    pairs = of_backbones(scores, a, b)
    marks = _Marks.of(pairs, [[one for one in results if one.cell.backbone in names]], question)
    sure = of_backbones(trusted(scores, unconverged(results)), a, b)
    if question.over is not None:
        pairs = average_over(sure if HEADS in question.over else pairs, question.over)
    elif len({place.head for place in pairs}) > 1:
        pairs = _by_shots(pairs, average_over(sure, (HEADS,)))
    _answer(pairs, names, plan.dataset, question, marks)


@dataclass(frozen=True)
class _Marks:
    """Which places of a table did not converge on either side, and of which nobody knows."""

    stuck: Collection[Pairing]
    unknown: Collection[Pairing]

    @classmethod
    def of(
        cls, pairs: Pairs, runs: Sequence[Sequence[CellResult]], question: ComparisonOptions, named: bool = False
    ) -> _Marks:
        """Of the pairs that are compared; `named` says whether their places name a backbone."""

        def places(keys: Iterable[Key]) -> set[Pairing]:
            found = {Pairing(backbone if named else "", head, shots) for backbone, head, shots in keys} & {*pairs}
            return {place._replace(shots=None) for place in found} if SHOTS in (question.over or ()) else found

        stuck, unknown = ({key for run in runs for key in keys_of(run)} for keys_of in (unconverged, unnoted))
        return cls(places(stuck), places(unknown))

    def converged(self, place: Pairing) -> bool | None:
        """None where nobody knows, or no head is."""
        known = place not in self.unknown and place.head != NO_HEAD
        return False if place in self.stuck else True if known else None


def _by_shots(pairs: Pairs, means: Pairs) -> Pairs:
    """Every block of heads with its mean below it."""
    every = [*pairs.items(), *means.items()]
    return dict(sorted(every, key=lambda item: (item[0].shots or 0, item[0].head == ALL)))


def _all_backbones(run: Path, question: ComparisonOptions) -> None:
    if question.over not in (None, (HEADS, SHOTS), (SHOTS, HEADS)):
        raise ComparisonError("all backbones are compared over heads and shots; choose two with --between for --over")
    plan, results = read_run(run)
    warn_failures(results)
    warn_unconverged(results)
    chosen = _chosen(results, question, run)
    check_comparable({shown(run): chosen})
    scores = trusted(estimates(chosen, question.metric), unconverged(results))
    found = compare(of_all(scores), question.level)
    if not found:
        raise ComparisonError(f"{shown(run)} has no two backbones to compare; run another, or name a second run")
    sentence = conclude_all([*found.values()], question.level)
    if question.as_json:
        _print_json(
            [as_record(names, c, question.level) for names, c in found.items()], plan.dataset, question, sentence
        )
        return
    console = open_console()
    console.print(f"[bold]{_title(plan.dataset, question)}[/]; {_over([*found.values()])}", soft_wrap=True)
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


def _chosen(results: Sequence[CellResult], question: ComparisonOptions, run: Path) -> list[CellResult]:
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


def _answer(pairs: Pairs, names: Couple, dataset: str, question: ComparisonOptions, marks: _Marks) -> None:
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
    console.print(f"[bold]{escape(sentence)}[/]")


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
