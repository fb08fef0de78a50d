"""Significance: paired differences of scores with Holm's correction, and the ranks that follow."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from .estimate import LEVEL, POWER, Estimate, detectable, shared_freedom

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Comparison:
    """Two scores on the same draws and images."""

    a: Estimate
    b: Estimate
    difference: Estimate
    """b less a."""
    p: float
    """Two-sided, of no difference, corrected for all comparisons made together (Holm 1979)."""
    detectable: float
    """The smallest difference that would have been shown four times in five (Bonferroni's bound for Holm)."""

    def shown(self, level: float = LEVEL) -> bool:
        """Whether the difference is more than chance."""
        return self.p < 1 - level


def holm(p: Sequence[float]) -> NDArray[np.float64]:
    """p-values corrected for their number so that with this p any false one is as rare (Holm 1979); NaN stays NaN."""
    values = np.asarray(p, dtype=float)
    out = np.full(len(values), np.nan)
    finite = np.flatnonzero(~np.isnan(values))
    order = finite[np.argsort(values[finite], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    out[order] = np.minimum(1, np.maximum.accumulate(steps)) if len(order) else []
    return out


def compare(pairs: Mapping[Name, tuple[Estimate, Estimate]], level: float = LEVEL) -> dict[Name, Comparison]:
    """Every pair (a, b) of scores that have a draw in common, all corrected together."""
    kept = {name: (a, b, b - a) for name, (a, b) in pairs.items() if {*a.draws} & {*b.draws}}
    freedom = shared_freedom([difference for _, _, difference in kept.values()])
    corrected = holm([difference.p(freedom) for _, _, difference in kept.values()])
    return {
        name: Comparison(a, b, difference, float(p), detectable(difference.error, freedom, len(kept), level=level))
        for (name, (a, b, difference)), p in zip(kept.items(), corrected, strict=True)
    }


@dataclass(frozen=True)
class Rank:
    """The range of ranks that a score may have, given which differences are significant."""

    best: int
    """One more than there are scores that are shown to be better."""
    worst: int

    def __str__(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}-{self.worst}"


def ranks(estimates: Mapping[Name, Estimate], level: float = LEVEL) -> dict[Name, Rank]:
    """The rank of every score that is not NaN, all pairs compared."""
    names = [name for name, estimate in estimates.items() if not np.isnan(estimate.mean)]
    pairs = {(a, b): (estimates[a], estimates[b]) for a, b in combinations(names, 2)}
    shown = {pair: c.difference.mean for pair, c in compare(pairs, level).items() if c.shown(level)}
    better: dict[Name, int] = dict.fromkeys(names, 0)
    worse: dict[Name, int] = dict.fromkeys(names, 0)
    for (a, b), difference in shown.items():
        winner, loser = (b, a) if difference > 0 else (a, b)
        better[loser] += 1
        worse[winner] += 1
    return {name: Rank(1 + better[name], len(names) - worse[name]) for name in names}


Array = NDArray[np.float64]


@dataclass(frozen=True)
class Drop:
    """The test of one difference among others."""

    shown: bool
    """Whether it is below minus the tolerance by more than chance."""
    p: float
    """One-sided, corrected for all."""
    bound: float
    """The lowest difference that would not be shown, the others being as they are."""


def find_drops(differences: Sequence[Estimate], tolerance: float, alpha: float) -> list[Drop]:
    """The verdict on every difference, of which any false one is as rare as `alpha`; NaN where chance is not known."""
    freedom = shared_freedom(differences)
    p = [difference.p_under(-tolerance, freedom) for difference in differences]
    found = zip(differences, p, holm(p), levels(p, alpha), strict=True)
    return [Drop(own < level, float(all_), _bound(d, tolerance, freedom, level)) for d, own, all_, level in found]


def _bound(difference: Estimate, tolerance: float, freedom: float, level: float) -> float:
    return -tolerance - float(stdtrit(freedom, 1 - level)) * difference.error


def levels(p: Sequence[float], alpha: float) -> Array:
    """Below which p each hypothesis is rejected by Holm's procedure, the others being as they are."""
    values, out = np.asarray(p, dtype=float), np.empty(len(p))
    for i in range(len(values)):
        others = np.sort(np.delete(values, i))
        passed = others < alpha / np.arange(len(values), 1, -1)
        steps = len(others) if passed.all() else int(np.argmin(passed))
        out[i] = alpha / (len(values) - steps)
    return out


def catches(differences: Sequence[Estimate], tolerance: float, alpha: float) -> float:
    """The true drop that would be shown four times in five, in points; the median, NaN of none."""
    if not differences:
        return float("nan")
    freedom = shared_freedom(differences)
    widths = stdtrit(freedom, 1 - alpha / len(differences)) + stdtrit(freedom, POWER)
    return tolerance + float(widths * np.median([difference.error for difference in differences]))
