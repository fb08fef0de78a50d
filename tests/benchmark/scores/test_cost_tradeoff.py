"""What a score costs, beside the score."""

from __future__ import annotations

import numpy as np
import pandas as pd

from partbench.benchmark.plan import Cell
from partbench.benchmark.results import CellResult
from partbench.benchmark.scores.cost_tradeoff import BackboneCost, cost_table


def run_of(scores: dict[str, int]) -> list[CellResult]:
    return [
        CellResult(Cell(name, "linear", 1, draw), ("a", "b"), (), None, np.array([[[hits, 100 - hits], [0, 100]]] * 3))
        for name, hits in scores.items()
        for draw in range(2)
    ]


def test_scores_stand_beside_their_cost() -> None:
    """The front holds what no other beats in both; what was not measured has no cost and is not on it."""
    costs = {
        "slow": BackboneCost(1, 1, 3.0, 10**6),
        "fast": BackboneCost(100, 32, 0.1, None),
        "poor": BackboneCost(50, 8, 0.2, 5),
    }
    table = cost_table(run_of({"poor": 10, "slow": 90, "fast": 50, "unknown": 70}), costs, "mean")
    assert table["backbone"].tolist() == ["slow", "unknown", "fast", "poor"]
    assert table["front"].tolist() == [True, False, True, False]
    assert pd.isna(table["images/s"][1]) and pd.isna(table["batch"][1])
    assert table["batch"].dropna().tolist() == [1, 32, 8]
