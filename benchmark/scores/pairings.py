"""Pairs scores for comparison, by head and number of shots."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import NamedTuple

from ..metrics.estimate import Estimate, average
from ..plan import NO_HEAD
from .leaderboard import Estimates

ALL = "(all)"
"""Stands for the head of a mean over heads."""
HEADS, SHOTS = "heads", "shots"
"""What may be averaged over."""


class Pairing(NamedTuple):
    """The head and number of shots that two scores share."""

    backbone: str
    """Empty where two backbones are compared."""
    head: str
    """`ALL` for the mean over heads, `NO_HEAD` for backbones without."""
    shots: int | None
    """None for the mean over numbers of shots."""


Pairs = dict[Pairing, tuple[Estimate, Estimate]]


def of_runs(a: Estimates, b: Estimates) -> Pairs:
    """What two runs both have, where they have a draw in common."""
    return _common({Pairing(*key): (one, b[key]) for key, one in a.items() if key in b})


def of_backbones(scores: Estimates, a: str, b: str) -> Pairs:
    """Two backbones by head and shots; one without heads stands under every head of the other."""
    keys = [(head, shots) for backbone, head, shots in scores if backbone in (a, b)]
    heads = dict.fromkeys(head for head, _ in keys if head != NO_HEAD) or {NO_HEAD: None}
    pairs: Pairs = {}
    for shots in dict.fromkeys(shots for _, shots in keys):
        for head in heads:
            one, other = (scores.get((name, head, shots), scores.get((name, NO_HEAD, shots))) for name in (a, b))
            if one and other:
                pairs[Pairing("", head, shots)] = (one, other)
    return _common(pairs)


def _common(pairs: Pairs) -> Pairs:
    """Pairs on the draws that both have, without those that have none; few shots first."""
    found: Pairs = {}
    for place, (a, b) in sorted(pairs.items(), key=lambda item: item[0].shots or 0):
        draws = [draw for draw in a.draws if draw in b.draws]
        if draws:
            found[place] = (a.at(draws), b.at(draws))
    return found


def average_over(pairs: Pairs, what: tuple[str, ...]) -> Pairs:
    """The same pairs averaged over heads, over numbers of shots or both, on the draws that all of a mean have."""
    groups: dict[Pairing, list[tuple[Estimate, Estimate]]] = defaultdict(list)
    for place, pair in pairs.items():
        head = ALL if HEADS in what and place.head != NO_HEAD else place.head
        groups[place._replace(head=head, shots=None if SHOTS in what else place.shots)].append(pair)
    means: Pairs = {}
    for place, group in groups.items():
        draws = [draw for draw in group[0][0].draws if all(draw in a.draws for a, _ in group)]
        if draws:
            a, b = (average([pair[side].at(draws) for pair in group]) for side in (0, 1))
            means[place] = (a, b)
    return means


def of_all(scores: Estimates) -> dict[tuple[str, str], tuple[Estimate, Estimate]]:
    """Every two backbones (a, b), averaged over the heads and shots that both have; b has the higher mean."""
    means: dict[str, list[float]] = defaultdict(list)
    for (backbone, _, _), estimate in scores.items():
        means[backbone].append(estimate.mean)
    found = {}
    for better, worse in combinations(sorted(means, key=lambda name: -sum(means[name]) / len(means[name])), 2):
        for pair in average_over(of_backbones(scores, worse, better), (HEADS, SHOTS)).values():
            found[worse, better] = pair
    return found
