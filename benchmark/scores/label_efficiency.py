"""How many labels a score is worth (Figure 6): where the curve of the supervised control reaches it.

The curve goes through the scores of the control by numbers of labels, straight in the logarithm of that number. A score
is worth as many labels as the curve first needs to reach it; its interval holds all numbers of labels at which a paired
comparison, on the same draws of shots and the same test images, cannot tell the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import exp, inf, log

from ... import UserError
from ..metrics.estimate import Estimate
from ..plan import COPY, SUPERVISED
from ..results import Key
from .leaderboard import Estimates

STEPS = 100
"""Numbers of labels that are tried between two points of the curve, for the interval."""


class LabelEfficiencyError(UserError):
    """A question about labels that a run cannot answer, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class LabelEfficiency:
    """What a score is worth."""

    key: Key
    """Backbone, head, shots."""
    score: float
    labels: float
    """0 where the fewest labels of the curve are too many already, infinite where the most are not enough."""
    low: float
    """The interval's ends, as `labels`."""
    high: float


@dataclass(frozen=True)
class LabelCurve:
    """The supervised control by its number of labels."""

    points: tuple[tuple[int, Estimate], ...]
    """In order."""

    @classmethod
    def of(cls, scores: Estimates) -> LabelCurve:
        """The curve in these scores."""
        found = {shots: one for (backbone, _, shots), one in scores.items() if backbone == SUPERVISED}
        if len(found) < 2:
            what = f"the control {SUPERVISED} has {len(found)} numbers of labels, and a curve needs 2"
            raise LabelEfficiencyError(
                f"{what}; add some with: partbench run --backbone {SUPERVISED} --shots 10,30,100"
            )
        return cls(tuple(sorted(found.items())))

    def places(self) -> Iterator[tuple[float, Estimate]]:
        """Numbers of labels along the curve, with its score there."""
        for (few, low), (many, high) in pairwise(self.points):
            for step in range(STEPS):
                share = step / STEPS
                yield exp((1 - share) * log(few) + share * log(many)), mix(low, high, share)
        yield self.points[-1]

    def crossing(self, score: float) -> float:
        """The fewest labels whose score is this one or better."""
        if score <= self.points[0][1].mean:
            return float(self.points[0][0]) if score == self.points[0][1].mean else 0.0
        for (few, low), (many, high) in pairwise(self.points):
            if low.mean < score <= high.mean:
                share = (score - low.mean) / (high.mean - low.mean)
                return exp((1 - share) * log(few) + share * log(many))
        return inf


def mix(a: Estimate, b: Estimate, share: float) -> Estimate:
    """The score between two, `share` of the way from `a` to `b`, on the draws that both have."""
    common = [draw for draw in a.draws if draw in b.draws]
    a, b = a.at(common), b.at(common)
    parts = [(1 - share) * getattr(a, name) + share * getattr(b, name) for name in ("scores", "influence")]
    return Estimate(tuple(common), *parts)


def label_efficiency(scores: Estimates) -> list[LabelEfficiency]:
    """What every score but those of the curve, and of `copy`, is worth; by shots, the best first."""
    curve = LabelCurve.of(scores)
    rows = [_label_efficiency(key, one, curve) for key, one in scores.items() if key[0] not in (SUPERVISED, COPY)]
    return sorted(rows, key=lambda row: (row.key[2], -row.score))


def _label_efficiency(key: Key, score: Estimate, curve: LabelCurve) -> LabelEfficiency:
    labels = curve.crossing(score.mean)
    alike = [place for place, there in curve.places() if _alike(score - there)]
    first, last = curve.points[0][0], curve.points[-1][0]
    # The crossing is always within; where nothing on the curve is alike, the score lies beyond one of its ends.
    low = min([labels, *(0.0 if place <= first else place for place in alike)])
    high = max([labels, *(inf if place >= last else place for place in alike)])
    return LabelEfficiency(key, score.mean, labels, low, high)


def _alike(difference: Estimate) -> bool:
    """Whether no difference is shown; of too few draws in common nothing is known."""
    return bool(difference.draws) and abs(difference.mean) <= difference.half_width()


def labels_text(labels: float, curve: Mapping[int, object]) -> str:
    """`38`, or `<10` and `>450` beyond the ends of the curve."""
    if labels == 0:
        return f"<{min(curve)}"
    return f">{max(curve)}" if labels == inf else f"{labels:.0f}"
