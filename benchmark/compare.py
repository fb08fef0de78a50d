"""Significance: paired differences of scores with Holm's correction, and the ranks that follow."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .uncertainty import LEVEL, Estimate, detectable, shared_freedom

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
