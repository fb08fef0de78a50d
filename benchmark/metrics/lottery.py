"""The shot lottery: how much of a few-shot score is the choice of the shots, and how many draws a ranking needs.

The variance of the score of one draw is s_D^2 + s_N^2 / N + s_DN^2 / N, of the shots, of the N test images and of what
is left (see `uncertainty`, and `power.components_of`). The first is the lottery: more test images leave it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, stdtrit
from scipy.stats import rankdata

from ... import UserError
from .estimate import LEVEL, Estimate, average
from .power import Components, components_of

MOST = 1000
"""Draws that nobody makes; a ranking that needs more is said to need more than these."""
SAMPLES = 200
"""Pairs of disjoint sets of draws of which rank correlations are averaged."""

Array = NDArray[np.float64]


class LotteryError(UserError):
    """Scores without several draws, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class Luck:
    """Variation of a score over draws of shots; in per cent."""

    mean: float
    deviation: float
    """s_D: by how much a draw moves the score, whatever the test images."""
    share: float
    """s_D^2 of the variance of the score of one draw, in [0, 1]; NaN where there is no variance."""
    best: int
    """The draw with the highest score."""
    worst: int
    spread: float
    """The score of the best draw less that of the worst."""


@dataclass(frozen=True)
class Agreement:
    """Whether backbones agree on which draw is good."""

    w: float
    """Kendall's W over draws, the backbones being the judges: 1 if all rank them alike, with ties corrected for."""
    spearman: float
    """The mean rank correlation of two backbones over draws, (m W - 1) / (m - 1) of m of them."""
    p: float
    """Of no agreement (Friedman's test)."""


@dataclass(frozen=True)
class Neighbours:
    """Two backbones that follow each other on the leaderboard."""

    better: str
    worse: str
    difference: float
    half_width: float
    """Half the paired interval of the difference."""
    needed: float
    """Draws at which it is below the difference, these being the test images; infinite if no number is enough."""


@dataclass(frozen=True)
class Lottery:
    """The shot lottery for one number of shots."""

    draws: tuple[int, ...]
    images: int
    lucks: Mapping[str, Luck]
    """By backbone, the best first."""
    overall: Luck
    """Of the mean over backbones."""
    scores: Mapping[int, float]
    """The mean over backbones by draw, the best draw first."""
    agreement: Agreement
    neighbours: Sequence[Neighbours]
    growth: Mapping[int, float]
    """The expected rank correlation of the backbones between two disjoint sets of so many draws."""


def compute_lottery(scores: Mapping[str, Estimate], seed: int = 0, level: float = LEVEL) -> Lottery:
    """How the scores of backbones vary over the same draws and images.

    Left out are those that are NaN, and those of less than two draws if others have more.
    """
    usable = {name: estimate for name, estimate in scores.items() if not np.isnan(estimate.scores).any()}
    usable = {name: estimate for name, estimate in usable.items() if len(estimate.draws) > 1} or usable
    if not usable:
        raise LotteryError("there is no score that is a number; choose another --metric")
    first, *rest = usable.values()
    draws = [draw for draw in first.draws if all(draw in e.draws for e in rest)]
    if len(draws) < 2:
        count = f"{len(draws)} draw{'' if len(draws) == 1 else 's'}"
        raise LotteryError(f"all backbones have {count} in common and a lottery needs 2; run with --draws 5")
    ordered = sorted(((name, e.at(draws)) for name, e in usable.items()), key=lambda item: -item[1].mean)
    overall = average([e for _, e in ordered])
    table = np.array([e.scores for _, e in ordered])
    best_first = np.argsort(-overall.scores, kind="stable")
    return Lottery(
        draws=tuple(draws),
        images=overall.images,
        lucks={name: luck_of(e) for name, e in ordered},
        overall=luck_of(overall),
        scores={draws[i]: float(overall.scores[i]) for i in best_first},
        agreement=agreement_of(table),
        neighbours=[_neighbours(a, b, level) for a, b in pairwise(ordered)],
        growth=growth_of(table, seed),
    )


def luck_of(estimate: Estimate) -> Luck:
    """The luck in one score."""
    parts, images = components_of(estimate), estimate.images
    variance = parts.draws + (parts.images + parts.both) / images
    order = np.argsort(-estimate.scores, kind="stable")
    return Luck(
        mean=estimate.mean,
        deviation=float(np.sqrt(parts.draws)),
        share=parts.draws / variance if variance > 0 else float("nan"),
        best=estimate.draws[order[0]],
        worst=estimate.draws[order[-1]],
        spread=float(np.ptp(estimate.scores)),
    )


def agreement_of(scores: Array) -> Agreement:
    """Kendall's W of judges (m, D) over D draws; NaN for one judge, or where all of them see no difference."""
    judges, draws = scores.shape
    ranks = rankdata(scores, axis=1)
    # A judge's ranks vary as much as their ties let them; all together no more than m times as much.
    within = ranks.var(1).sum()
    if judges < 2 or not within > 0:
        return Agreement(float("nan"), float("nan"), float("nan"))
    w = float(ranks.sum(0).var() / (judges * within))
    return Agreement(w, (judges * w - 1) / (judges - 1), float(chdtrc(draws - 1, judges * (draws - 1) * w)))


def _neighbours(better: tuple[str, Estimate], worse: tuple[str, Estimate], level: float) -> Neighbours:
    difference = better[1] - worse[1]
    needed = draws_needed(components_of(difference), difference.images, difference.mean, level)
    return Neighbours(better[0], worse[0], difference.mean, difference.half_width(level), needed)


def draws_needed(components: Components, images: int, difference: float, level: float = LEVEL) -> float:
    """The draws at which half the expected interval is below a difference, `images` being what they are.

    At least 2, since one draw says nothing of others; `MOST` + 1 if it is more than those; infinite if the images
    alone make the interval too wide.
    """
    draws = np.arange(2, MOST + 1)
    enough = np.flatnonzero(_half_width(components, draws, images, level) < abs(difference))
    if len(enough):
        return float(draws[enough[0]])
    at_last = _half_width(components, np.array([10**9]), images, level)
    return float(MOST + 1) if at_last[0] < abs(difference) else float("inf")


def _half_width(components: Components, draws: NDArray[np.integer], images: int, level: float) -> Array:
    """Half the interval (n,) that so many draws (n,) would have, with Satterthwaite's degrees of freedom."""
    both = components.both / (draws * images)
    by_draws, by_images = components.draws / draws + both, components.images / images + both
    parts = by_draws**2 / (draws - 1) + by_images**2 / max(1, images - 1)
    freedom = np.divide((by_draws + by_images) ** 2, parts, out=np.full(len(draws), np.inf), where=parts > 0)
    return np.asarray(stdtrit(freedom, (1 + level) / 2) * np.sqrt(by_draws + by_images - both))


def growth_of(scores: Array, seed: int = 0) -> dict[int, float]:
    """The mean rank correlation (Spearman's) of backbones (m, D) between two disjoint sets of draws, by their size.

    The sets are drawn at random, the same ones for the same seed; NaN where a ranking has no order.
    """
    if len(scores) < 2:
        return {}
    random = np.random.default_rng(seed)
    orders = np.array([random.permutation(scores.shape[1]) for _ in range(SAMPLES)])
    return {half: _correlation(scores, orders, half) for half in range(1, scores.shape[1] // 2 + 1)}


def _correlation(scores: Array, orders: NDArray[np.integer], half: int) -> float:
    """Over orders (n, D) of the draws: the first `half` of each against the next."""
    sets = [scores[:, orders[:, first : first + half]].mean(-1) for first in (0, half)]
    one, other = (ranks - ranks.mean(0) for ranks in (rankdata(means, axis=0) for means in sets))
    spread = np.sqrt((one**2).sum(0) * (other**2).sum(0))
    defined = spread > 0
    return float(((one * other).sum(0)[defined] / spread[defined]).mean()) if defined.any() else float("nan")
