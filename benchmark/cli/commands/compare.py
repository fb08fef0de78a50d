"""`partbench compare`: two runs, two backbones of one, or all of them in pairs; paired, from their files alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...metrics.significance import compare
from ...scores.comparability import ComparisonError, check_comparable, check_same_protocol
from ...scores.comparison_marks import ComparisonMarks
from ...scores.comparison_tables import Couple
from ...scores.convergence import trusted, unconverged
from ...scores.leaderboard import estimates
from ...scores.pairings import ALL, HEADS, SHOTS, Pairs, average_over, of_all, of_backbones, of_runs
from ...stored_run import shown
from .compare_options import ComparisonOptions, chosen_cells, require
from .compare_tables import show_pairs, show_places
from .read_runs import read_run, warn_failures, warn_makers, warn_unconverged


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
    a, b = (chosen_cells(found, question, path) for found, path in ((results, one), (results_b, other)))
    check_comparable({names[0]: a, names[1]: b})
    warn_makers(names, a, b)
    bad, bad_b = unconverged(results), unconverged(results_b)
    scores, scores_b = estimates(a, question.metric), estimates(b, question.metric)
    if HEADS in (question.over or ()):
        scores, scores_b = trusted(scores, bad), trusted(scores_b, bad_b)
    pairs = of_runs(scores, scores_b)
    marks = ComparisonMarks.of(pairs, [results, results_b], question.over or ())
    show_places(average_over(pairs, question.over) if question.over else pairs, names, plan.dataset, question, marks)


def _two_backbones(run: Path, names: Couple, question: ComparisonOptions) -> None:
    plan, results = read_run(run)
    warn_failures(results)
    warn_unconverged(results)
    backbones = dict.fromkeys(result.cell.backbone for result in results if not result.error)
    a, b = (require([name], backbones, "backbone", run)[0] for name in names)
    chosen = [result for result in chosen_cells(results, question, run) if result.cell.backbone in names]
    check_comparable({shown(run): chosen})
    scores = estimates(chosen, question.metric)
    pairs = of_backbones(scores, a, b)
    own = [one for one in results if one.cell.backbone in names]
    marks = ComparisonMarks.of(pairs, [own], question.over or ())
    sure = of_backbones(trusted(scores, unconverged(results)), a, b)
    if question.over is not None:
        pairs = average_over(sure if HEADS in question.over else pairs, question.over)
    elif len({place.head for place in pairs}) > 1:
        pairs = _by_shots(pairs, average_over(sure, (HEADS,)))
    show_places(pairs, names, plan.dataset, question, marks)


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
    chosen = chosen_cells(results, question, run)
    check_comparable({shown(run): chosen})
    scores = trusted(estimates(chosen, question.metric), unconverged(results))
    found = compare(of_all(scores), question.level)
    if not found:
        raise ComparisonError(f"{shown(run)} has no two backbones to compare; run another, or name a second run")
    show_pairs(found, plan.dataset, question)
