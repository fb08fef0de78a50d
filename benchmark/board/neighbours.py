"""A new submission beside those whose scores are nearest: paired, on the same shots and images, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..metrics.estimate import Estimate
from ..metrics.significance import Comparison, compare
from ..results import CellResult
from ..scores.comparison_tables import MARK, conclude_all, p_text
from ..scores.leaderboard import trusted_estimates
from ..scores.leaderboard_tables import markdown, score_text
from ..scores.pairings import HEADS, SHOTS, Pairs, average_over, of_backbones
from .submission import Key, Submission

METRIC = "mean"
NEAREST = 5
"""Neighbours that a submission is compared with."""
LEVEL = 0.95

Scores = Mapping[Key, float]
"""The printed scores of a submission by head and shots."""


def scores_in(record: Mapping[str, Any]) -> dict[Key, float]:
    """The scores that a submission prints, without those that are no number."""
    return {(row["head"], row["shots"]): row[METRIC] for row in record["scores"] if row[METRIC] is not None}


def nearest(own: Scores, others: Mapping[str, Scores]) -> list[str]:
    """The others whose scores are nearest by their mean over the heads and shots that both have."""
    distances = {}
    for name, scores in others.items():
        both = own.keys() & scores.keys()
        shots = {key[1] for key in own} & {key[1] for key in scores}
        if both:
            distances[name] = abs(float(np.mean([own[key] - scores[key] for key in both])))
        elif shots:  # a control without a head stands beside every one
            distances[name] = abs(_mean(own, shots) - _mean(scores, shots))
    return sorted(distances, key=lambda name: distances[name])[:NEAREST]


def _mean(scores: Scores, shots: set[int]) -> float:
    return float(np.mean([score for (_, count), score in scores.items() if count in shots]))


def as_markdown(own: Submission, others: Sequence[Submission]) -> str:
    """A section with a row per neighbour, and what it comes to in a sentence."""
    title = f"### {markdown(own.backbone)} by {markdown(own.by)} on {markdown(own.plan.dataset)}"
    found = compare(_pairs(own, others), LEVEL)
    if not found:
        return f"{title}\n\nThere is nothing yet to compare it with.\n"
    header = f"| neighbour | its {METRIC} | this one | difference | p |\n|---|---|---|---|---|"
    rows = [f"| {markdown(name)} | {' | '.join(_numbers(c))} |" for name, c in found.items()]
    note = (
        f"IoU in %, mean over the heads and shots that both have; ± and p are paired, p corrected for {len(found)} "
        f"comparisons (Holm); {markdown(MARK)}: more than chance."
    )
    return "\n".join(
        [title, "", header, *rows, "", f"{markdown(conclude_all([*found.values()], LEVEL))}.", "", note, ""]
    )


def _pairs(own: Submission, others: Sequence[Submission]) -> dict[str, tuple[Estimate, Estimate]]:
    pairs: dict[str, tuple[Estimate, Estimate]] = {}
    for other in others:
        name = f"{other.backbone} ({other.by}, {other.date})"
        cells = [*_called("other", other), *_called("own", own)]
        both: Pairs = of_backbones(trusted_estimates(cells, METRIC), "other", "own")
        for pair in average_over(both, (HEADS, SHOTS)).values():
            pairs[name] = pair
    return pairs


def _called(name: str, submission: Submission) -> list[CellResult]:
    return [replace(result, cell=replace(result.cell, backbone=name)) for result in submission.cells]


def _numbers(c: Comparison) -> list[str]:
    nothing = float("nan")
    difference = score_text(c.difference.mean, c.difference.half_width(LEVEL))
    signed = f"+{difference}" if c.difference.mean > 0 else difference
    mark = f" {markdown(MARK)}" if c.shown(LEVEL) else ""
    return [*(score_text(side.mean, nothing) for side in (c.a, c.b)), f"{signed}{mark}", p_text(c.p)]
