"""The mean of four folds is that of their scores, of runs under one protocol alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from partbench.benchmark.metrics.definitions import find_metric
from partbench.benchmark.plan import Cell, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.folds import fold_means, fold_sets

FOLDS = ("animals", "indoor", "person", "vehicles")
NAME = "matcher-pascal-part:VOC2010"
PLANS = {fold: Plan(f"{NAME}#{fold}", ("pixels",), ("linear", "knn"), (1,), 1, fit="stretch") for fold in FOLDS}
CLASSES = ("background", "one", "two")


def result(fold: int, head: str = "linear") -> CellResult:
    """Made-up counts of three episodes."""
    confusion = np.random.default_rng(fold).integers(1, 30, (3, 3, 3))
    return CellResult(Cell("pixels", head, 1, 0), CLASSES, ("background",), None, confusion, {"data": str(fold)})


def score(confusion: Any) -> float:
    """The published one, per cent."""
    metric = find_metric("pooled_zero-bg")
    return 100 * metric.pooling.score(confusion, metric.scored(CLASSES, ("background",)))


def test_folds_of_one_protocol_belong_together() -> None:
    """Of another size, of three folds or of other data, no mean is made."""
    assert fold_sets(PLANS) == {NAME: list(FOLDS)}
    assert fold_sets({**PLANS, "person": replace(PLANS["person"], size=128)}) == {}
    assert fold_sets({fold: PLANS[fold] for fold in FOLDS[:3]}) == {}
    assert fold_sets({fold: replace(plan, dataset=f"folder:x#{fold}") for fold, plan in PLANS.items()}) == {}


def test_the_mean_is_that_of_the_scores() -> None:
    """Each fold counts alike, however many parts it has; a head that a fold lacks has none."""
    folds = [[result(fold), *([result(fold, "knn")] if fold else [])] for fold in range(4)]
    means = fold_means(folds, "pooled_zero-bg")
    assert means == {
        ("pixels", "linear", 1): pytest.approx(fmean(score(cells[0].confusion) for cells in folds), abs=1e-9)
    }


def test_it_stands_under_the_four_leaderboards(call: Callable[..., Any], tmp_path: Path) -> None:
    """By the metric that is asked for, to one decimal."""
    for number, (fold, plan) in enumerate(PLANS.items()):
        folder = RunFolder(tmp_path / fold)
        folder.write_plan(plan, {"data": str(number)})
        folder.write(result(number))
    said = call("leaderboard", *(tmp_path / fold for fold in FOLDS), "--metric", "pooled_zero-bg").out
    expected = fmean(score(result(number).confusion) for number in range(4))
    assert f"{NAME}: pooled_zero-bg IoU, %, mean of 4 folds\n   {expected:.1f}  pixels linear\n" in said
    assert "mean of 4" not in call("leaderboard", *(tmp_path / fold for fold in FOLDS[:3])).out
