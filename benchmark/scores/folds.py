"""The mean over the four folds of one-shot episodes, which is the number that papers print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from ..plan import Plan
from ..results import CellResult, Key
from .leaderboard import estimates

EPISODES = "matcher-"
"""How the names of datasets of episodes begin."""
FOLDS = 4


def fold_sets(plans: Mapping[str, Plan]) -> dict[str, list[str]]:
    """Of runs by name those that are the four folds of one benchmark under one protocol, by that benchmark."""
    sets: dict[tuple[str, str], dict[str, str]] = {}
    for run, plan in plans.items():
        whole, _, fold = plan.dataset.rpartition("#")
        if whole.startswith(EPISODES):
            sets.setdefault((whole, replace(plan, dataset=whole).hash), {})[fold] = run
    return {whole: list(folds.values()) for (whole, _), folds in sets.items() if len(folds) == FOLDS}


def fold_means(folds: Sequence[Sequence[CellResult]], metric: str) -> dict[Key, float]:
    """The mean over folds of each backbone, head and number of shots that has a score in all of them, per cent."""
    scores = [estimates(results, metric) for results in folds]
    shared = [key for key in scores[0] if all(key in other for other in scores)]
    return {key: fmean(score[key].mean for score in scores) for key in shared}
