"""Ranks and means of a leaderboard."""

from __future__ import annotations

import numpy as np
import pytest

from partbench.benchmark.metrics.estimate import Estimate
from partbench.benchmark.scores.leaderboard import by_backbone


def made(mean: float, seed: int = 0, by_draw: float = 0.0, draws: int = 4, images: int = 12) -> Estimate:
    """A score with chance by draw and image."""
    random = np.random.default_rng(seed)
    table = mean + random.normal(0, 1, (draws, images)) + random.normal(0, by_draw, (draws, 1))
    return Estimate(tuple(range(draws)), table.mean(1), table - table.mean(1, keepdims=True))


def test_backbones_are_averaged_over_the_same_heads() -> None:
    """One whose weak head failed is not compared with the mean of others over all of theirs."""
    known = {
        (name, head, 1): made(score, seed=i)
        for i, (name, head, score) in enumerate(
            [("whole", "linear", 60), ("whole", "cnn", 20), ("partly", "linear", 60), ("copy", "-", 40)]
        )
    }
    found = by_backbone(known)
    assert found["whole"].mean == pytest.approx(known["whole", "linear", 1].mean)
    assert found["copy"].mean == pytest.approx(known["copy", "-", 1].mean)
