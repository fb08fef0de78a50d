"""The smallest difference between two backbones that a plan detects with 80 % power.

It takes the variances of such differences from a run that was made before, or else the ones recorded here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..metrics.power import ONE_SIDED, TWO_SIDED, Components, components_of, smallest_difference
from ..results import CellResult, ResultError
from .leaderboard import by_backbone, estimates

METRIC = "mean"
MOST = 100.0
"""Points that two scores can differ by; a larger difference is none that a plan could promise."""

TYPICAL = {
    1: Components(8.0, 6.6, 23.6),
    5: Components(0.9, 11.4, 8.5),
    10: Components(1.2, 17.4, 6.8),
}
"""By number of shots: the mean over the 45 pairs of the ten backbones of a default run on `faces`, averaged over its
six heads, from 3 draws and 16 images."""
SOURCE = "the default run on faces"


@dataclass(frozen=True)
class DetectableDifference:
    """The smallest detectable difference of two backbones, averaged over heads; in points."""

    shots: int
    difference: float
    """The median over pairs of backbones."""
    lowest: float
    highest: float
    pairs: int
    """Whose variances are known."""
    comparisons: int
    """Of the plan, made together (Holm)."""
    drop: float
    """The drop beyond its tolerance that `partbench gate --over heads` catches four times in five; the median."""
    held: int
    """Scores that such a gate holds."""


def detectable_difference(
    pairs: Sequence[Components], shots: int, draws: int, images: int, backbones: int, held: int
) -> DetectableDifference:
    """From the variances of differences between pairs of backbones; a gate sees smaller ones, so it catches more."""
    comparisons = max(1, backbones * (backbones - 1) // 2)
    found = [smallest_difference(c, draws, images, comparisons=comparisons, sides=TWO_SIDED) for c in pairs]
    drops = [smallest_difference(c, draws, images, comparisons=held, sides=ONE_SIDED) for c in pairs]
    return DetectableDifference(
        shots, float(np.median(found)), min(found), max(found), len(found), comparisons, float(np.median(drops)), held
    )


def pair_components(results: Sequence[CellResult], shots: int, metric: str = METRIC) -> list[Components]:
    """The variances of the difference between each two backbones of a run, averaged over its heads."""
    scores = by_backbone(estimates(results, metric), shots)
    pairs = [b - a for a, b in combinations(scores.values(), 2) if len({*a.draws} & {*b.draws}) > 1]
    return [components_of(pair) for pair in pairs if pair.images > 1 and not np.isnan(pair.mean)]


def typical_components(shots: int) -> list[Components]:
    """Those on record for the nearest number of shots."""
    return [TYPICAL[min(TYPICAL, key=lambda count: abs(np.log(count / shots)))]]


def run_components(results: Sequence[CellResult], shots: int) -> list[Components]:
    """Those of a run, with the nearest of its numbers of shots."""
    counts = sorted({r.cell.shots for r in results if r.confusion is not None}, key=lambda n: abs(np.log(n / shots)))
    for count in counts:
        if components := pair_components(results, count):
            return components
    mend = "name one with two backbones or more and two draws or more, or leave --like out"
    raise ResultError(f"the run behind --like has no two backbones with two draws in common; {mend}")
