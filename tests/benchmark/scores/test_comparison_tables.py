"""The tables of a comparison, and its conclusion."""

from __future__ import annotations

import numpy as np

from partbench.benchmark.metrics.estimate import Estimate
from partbench.benchmark.metrics.significance import compare
from partbench.benchmark.scores.comparison_tables import conclude


def test_the_conclusion_counts_both_ways() -> None:
    """What is better, what is worse, and what cannot be told, with the difference that would have been shown."""

    def score(mean: float, seed: int) -> Estimate:
        table = mean + np.random.default_rng(seed).normal(0, 1, (4, 12))
        return Estimate((0, 1, 2, 3), table.mean(1), table - table.mean(1, keepdims=True))

    gains = (20, 30, -20, 0)
    found = [*compare({i: (score(50, i), score(50 + gain, 9 + i)) for i, gain in enumerate(gains)}).values()]
    assert conclude(found, ("a", "b"), 0.95) == (
        "b is better than a in 2 of 4 comparisons and worse in 1; 1 cannot be told apart; "
        f"a difference of {found[-1].detectable:.1f} points would have been shown"
    )
