"""The smallest difference that a plan can show, from what earlier scores vary by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from partbench.benchmark.metrics.confusion import confuse
from partbench.benchmark.metrics.power import ONE_SIDED, TWO_SIDED, Components, smallest_difference
from partbench.benchmark.plan import Plan
from partbench.benchmark.results import CellResult, ResultError
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.detectable import (
    TYPICAL,
    detectable_difference,
    pair_components,
    run_components,
    typical_components,
)


def made(folder: Path, backbones: Sequence[str], draws: int = 3, shots: Sequence[int] = (1, 5)) -> list[CellResult]:
    """Scores of backbones that differ, by images and by draws."""
    random, run = np.random.default_rng(0), RunFolder(folder)
    plan = Plan("faces", tuple(backbones), ("linear",), shots=tuple(shots), draws=draws, size=8)
    run.write_plan(plan, {"data": "abc"})
    truth = random.integers(0, 3, (6, 8, 8))
    for cell in plan.cells():
        wrong = random.random(truth.shape) < 0.1 + 0.1 * plan.backbones.index(cell.backbone) + 0.1 * random.random()
        guess = np.where(wrong, random.integers(0, 3, truth.shape), truth)
        run.write(CellResult(cell, ("a", "b", "c"), (), None, confuse(guess, truth, 3), {"data": "abc"}))
    return run.results()[0]


def test_a_promise_is_the_power_of_known_differences(tmp_path: Path) -> None:
    """The median over pairs of the smallest difference, among all comparisons of the plan."""
    results = made(tmp_path, ("x", "y", "z"))
    known = pair_components(results, 5)
    assert len(known) == 3
    found = detectable_difference(known, 5, draws=4, images=50, backbones=4, held=12)
    expected = sorted(smallest_difference(c, 4, 50, comparisons=6, sides=TWO_SIDED) for c in known)
    assert (found.lowest, found.difference, found.highest) == tuple(expected)
    assert (found.pairs, found.comparisons) == (3, 6)
    drops = sorted(smallest_difference(c, 4, 50, comparisons=12, sides=ONE_SIDED) for c in known)
    assert (found.drop, found.held) == (drops[1], 12)
    assert detectable_difference(known, 5, draws=8, images=200, backbones=4, held=12).difference < found.difference


def test_chance_is_taken_from_the_nearest_number_of_shots(tmp_path: Path) -> None:
    """Of the run that is named, else of the record."""
    results = made(tmp_path, ("x", "y"))
    assert run_components(results, 1) == pair_components(results, 1)
    assert run_components(results, 100) == pair_components(results, 5)
    assert typical_components(1) == [TYPICAL[1]]
    assert typical_components(1000) == [TYPICAL[max(TYPICAL)]]
    assert all(isinstance(known, Components) and min(known) >= 0 for known in TYPICAL.values())
    with pytest.raises(ResultError, match="has no two backbones with two draws in common; name one with"):
        run_components(made(tmp_path / "one", ("x", "y"), draws=1), 1)
    with pytest.raises(ResultError, match="no two backbones"):
        run_components(made(tmp_path / "single", ("x",)), 1)
