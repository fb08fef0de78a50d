"""How sure a score is: its interval over draws of shots and over test images, together.

Every draw is scored on the same images, so a score has two crossed sources of chance, and their interaction: with D
draws and N images its variance is

    V = s_D^2 / D + s_N^2 / N + s_DN^2 / (D N).

The variance between the draws' scores over D estimates the first term and a part of the third, that of the jackknife
over images (Efron and Stein 1981) the second and the same part; what both count is subtracted once, as in two-way
clustering (Cameron, Gelbach and Miller 2011). The degrees of freedom are Satterthwaite's (1946). Both sources are
linear, so a difference of two backbones on the same draws and images, or a mean over heads, is an estimate of the same
kind, and whatever is common to them cancels: comparisons are paired by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from .confusion import Confusion
from .definitions import Metric

LEVEL = 0.95
"""Of every interval, unless it says otherwise."""
POWER = 0.8
"""With which a difference is shown that counts as one that a run can show."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A score, or a sum of scores, with how it hangs on draws of shots and on test images; in per cent."""

    draws: tuple[int, ...]
    """Which draws of shots."""
    scores: Array
    """The score of every draw, (D,)."""
    influence: Array
    """By how much each image moves the score of each draw, (D, N); about zero on average over the images.

    NaN where one image alone shows whatever is scored: the others have no score, and nobody knows how sure this one is.
    """

    @property
    def mean(self) -> float:
        return float(self.scores.mean()) if self.draws else float("nan")

    @property
    def images(self) -> int:
        return int(self.influence.shape[1])

    @cached_property
    def components(self) -> tuple[float, float, float]:
        """The variance of the mean by draws, by images, and what both of these count."""
        draws, images = self.influence.shape
        if not draws:
            return float("nan"), float("nan"), float("nan")
        moves = self.influence - self.influence.mean(1, keepdims=True)
        common = moves.mean(0)
        by_images = float((common**2).sum() / (images * (images - 1))) if images > 1 else 0.0
        if draws < 2:
            return 0.0, by_images if images > 1 else float("nan"), 0.0
        by_draws = float(self.scores.var(ddof=1) / draws)
        both = float(((moves - common) ** 2).sum() / ((draws - 1) * max(1, images - 1)) / (draws * images))
        return by_draws, by_images, both

    @property
    def error(self) -> float:
        """Standard error of the mean; of a single draw, for these shots alone."""
        by_draws, by_images, both = self.components
        return float(np.sqrt(np.max([by_draws + by_images - both, by_draws, by_images])))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the standard error."""
        by_draws, by_images, _ = self.components
        draws, images = self.influence.shape
        if not by_draws + by_images > 0:
            return float("inf")
        parts = by_draws**2 / max(1, draws - 1) + by_images**2 / max(1, images - 1)
        return float((by_draws + by_images) ** 2 / parts)

    def half_width(self, level: float = LEVEL) -> float:
        """Half the interval of the mean."""
        return float(stdtrit(self.freedom, (1 + level) / 2)) * self.error

    def p(self, freedom: float | None = None) -> float:
        """Two-sided p-value of a mean of zero, with these degrees of freedom instead of its own."""
        below = self.p_under(0.0, freedom)
        return 2 * min(below, 1 - below) if self.error else float(self.mean == 0)

    def p_under(self, bound: float, freedom: float | None = None) -> float:
        """One-sided p-value of a mean of `bound` or above, against one below it."""
        if not self.error:
            return float(self.mean >= bound)
        return float(stdtr(self.freedom if freedom is None else freedom, (self.mean - bound) / self.error))

    def at(self, draws: Sequence[int]) -> Estimate:
        """The same estimate of these draws alone."""
        rows = [self.draws.index(draw) for draw in draws]
        return Estimate(tuple(draws), self.scores[rows], self.influence[rows])

    def __sub__(self, other: Estimate) -> Estimate:
        """The difference on the draws that both have."""
        common = [draw for draw in self.draws if draw in other.draws]
        a, b = self.at(common), other.at(common)
        return Estimate(tuple(common), a.scores - b.scores, a.influence - b.influence)


def estimate(confusions: Sequence[tuple[int, Confusion]], metric: Metric, scored: NDArray[np.bool_]) -> Estimate:
    """The score of cells that differ in their draw alone, each with its confusions (N, K, K)."""
    ordered = sorted(confusions, key=lambda pair: pair[0])
    scores = np.array([metric.pooling.score(confusion, scored) for _, confusion in ordered])
    rows = [_influence(confusion, metric, scored) for _, confusion in ordered]
    return Estimate(tuple(draw for draw, _ in ordered), 100 * scores, 100 * np.array(rows))


def _influence(confusion: Confusion, metric: Metric, scored: NDArray[np.bool_]) -> Array:
    """The jackknife's (N,): N - 1 times what the score loses without each image, about its mean."""
    if len(confusion) == 1:
        return np.zeros(1)
    without = metric.pooling.without_each(confusion, scored)
    moves: Array = (len(without) - 1) * (without.mean() - without)
    return moves


def shared_freedom(estimates: Sequence[Estimate]) -> float:
    """Degrees of freedom for tests that are made together: the harmonic mean of those of all that have an error.

    Of three draws a spread can look like nothing by chance, and Satterthwaite's degrees of freedom then look like those
    of the images: in many tests, whose bounds lie far out, such differences are shown too often (in 16 % of families of
    12 where 5 % was meant, if the draws are 9/10 of the variance). Their mean sees as many spreads as there are
    differences; with it the rate is 2 to 6 %.
    """
    inverse = [1 / estimate.freedom for estimate in estimates if estimate.error > 0]
    return float(1 / np.mean(inverse)) if any(inverse) else float("inf")


def detectable(error: float, freedom: float, comparisons: int = 1, power: float = POWER, level: float = LEVEL) -> float:
    """The smallest difference with this standard error that is shown with this power, of so many comparisons."""
    quantile = 1 - (1 - level) / (2 * comparisons)
    return float(stdtrit(freedom, quantile) + stdtrit(freedom, power)) * error


def average(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of scores on the same images, over the draws that all have."""
    common = [draw for draw in estimates[0].draws if all(draw in e.draws for e in estimates)]
    parts = [e.at(common) for e in estimates]
    scores, influence = (sum(getattr(p, name) for p in parts) / len(parts) for name in ("scores", "influence"))
    return Estimate(tuple(common), scores, influence)
