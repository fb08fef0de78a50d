"""The gate: which scores of a run have fallen below a baseline by more than chance and tolerance.

For every key and metric the hypothesis is that the true drop is at most the tolerance, on the same draws and images;
one-sided, corrected for all keys and metrics together (Holm 1979), so that the level holds for the whole gate: where
nothing fell further than the tolerance, it fires in 5 % of runs or less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ... import UserError
from ..metrics.estimate import LEVEL, Estimate, average
from ..metrics.significance import catches, find_drops
from ..results import Key
from .baseline import Baseline, check_same_baseline

TOLERANCE = 0.5
"""Points that a score may truly lose."""
ALL_HEADS = "(all)"
"""Stands for the head of a mean over heads."""
FELL, MISSING, NEW, HOLDS = "fell", "missing", "new", "holds"
"""What may be said of a score; the first two stop a gate."""


class GateError(UserError):
    """Scores that must not be compared, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on one key by one metric; scores in per cent, NaN where there is none."""

    metric: str
    key: Key
    verdict: str
    before: float = float("nan")
    after: float = float("nan")
    allowed: float = float("nan")
    """The lowest score that would pass, the other keys being as they are."""
    p: float = float("nan")
    """One-sided, corrected."""
    why: str = ""


@dataclass(frozen=True)
class Gate:
    """All verdicts, the gravest first."""

    verdicts: Sequence[Verdict]
    tolerance: float
    level: float
    caught: float
    """The true drop that would be caught four times in five, in points; the median over keys, NaN without any."""

    @property
    def stopped(self) -> Sequence[Verdict]:
        """What has fallen or is missing."""
        return [verdict for verdict in self.verdicts if verdict.verdict in (FELL, MISSING)]


Pairs = dict[tuple[str, Key], tuple[Estimate, Estimate]]


def compute_gate(
    before: Baseline,
    after: Baseline,
    tolerance: float = TOLERANCE,
    level: float = LEVEL,
    over_heads: bool = False,
    reasons: Mapping[Key, str] | None = None,
) -> Gate:
    """The verdict on every score of the two, whose protocols agree.

    `reasons` say why a score is missing. Over heads, the mean of those heads that both have is held.
    """
    if not tolerance >= 0 or not 0 < level < 1:
        raise GateError(
            f"tolerance {tolerance:g} and level {level:g} make no gate; choose from 0 points and from 0 to 1"
        )
    check_same_baseline(before, after)
    if not any(before.numbers):
        raise GateError("no score of the baseline is a number, so that it holds nothing; make it again of other cells")
    pairs, rest = _pair(before, after, reasons or {})
    if over_heads:
        pairs = _over_heads(pairs)
    verdicts, caught = _judge(pairs, tolerance, level)
    return Gate(sorted([*verdicts, *rest], key=_gravity), tolerance, level, caught)


def _pair(before: Baseline, after: Baseline, reasons: Mapping[Key, str]) -> tuple[Pairs, list[Verdict]]:
    """The scores that both have, and a verdict on the others."""
    pairs, rest = Pairs(), list[Verdict]()
    for metric, baseline_scores in before.scores.items():
        found = after.scores[metric]
        for key, old in baseline_scores.items():
            new = found.get(key)
            lost = _lost(old, new)
            if np.isnan(old.mean):
                continue
            if new is None or lost:
                why = f"{lost}: {reasons[key]}" if key in reasons else lost
                rest.append(Verdict(metric, key, MISSING, before=old.mean, why=why))
            else:
                pairs[metric, key] = (old, new.at(old.draws))
        unheld = [key for key in found if key not in baseline_scores or np.isnan(baseline_scores[key].mean)]
        rest += [Verdict(metric, k, NEW, after=found[k].mean) for k in unheld if not np.isnan(found[k].mean)]
    return pairs, rest


def _lost(old: Estimate, new: Estimate | None) -> str:
    """What the baseline has and the run has not, if anything."""
    if new is None:
        return "no score"
    draws = [str(draw) for draw in old.draws if draw not in new.draws]
    if draws:
        return f"no score of draw {', '.join(draws)}"
    return "the score is not a number" if np.isnan(new.at(old.draws).mean) else ""


def _over_heads(pairs: Pairs) -> Pairs:
    groups: dict[tuple[str, Key], list[tuple[Estimate, Estimate]]] = defaultdict(list)
    for (metric, (backbone, _, shots)), pair in pairs.items():
        groups[metric, (backbone, ALL_HEADS, shots)].append(pair)
    for (_, (backbone, _, shots)), group in groups.items():
        if not set.intersection(*({*old.draws} for old, _ in group)):
            what = f"the heads of {backbone} with {shots} shots have no draw in common"
            raise GateError(f"{what}; hold them one by one, without --over")
    return {
        key: (average([old for old, _ in group]), average([new for _, new in group])) for key, group in groups.items()
    }


def _judge(pairs: Pairs, tolerance: float, level: float) -> tuple[list[Verdict], float]:
    differences = [new - old for old, new in pairs.values()]
    for (metric, _), difference in zip(pairs, differences, strict=True):
        if np.isnan(difference.error):
            if len(difference.draws) == difference.images == 1:
                raise GateError("one draw on one test image says nothing about chance; run with more of either")
            what = f"one test image shows all that {metric} scores, which says nothing about chance"
            raise GateError(f"{what}; run with more test images, or hold other metrics")
    verdicts = []
    for ((metric, key), (old, new)), drop in zip(
        pairs.items(), find_drops(differences, tolerance, 1 - level), strict=True
    ):
        verdict = FELL if drop.shown else HOLDS
        verdicts.append(Verdict(metric, key, verdict, old.mean, new.mean, old.mean + drop.bound, drop.p))
    return verdicts, catches(differences, tolerance, 1 - level)


def _gravity(verdict: Verdict) -> tuple[int, float]:
    """Sorts what stops a gate before what does not, and by how much is left to the bound."""
    left = verdict.after - verdict.allowed
    return (FELL, MISSING, NEW, HOLDS).index(verdict.verdict), 0.0 if np.isnan(left) else left
