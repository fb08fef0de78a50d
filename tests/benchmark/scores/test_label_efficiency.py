"""A score is worth as many labels as the supervised control needs to reach it (Figure 6)."""

from __future__ import annotations

import json
import sys
from math import exp, inf, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.cli.commands.labels import has_curve
from partbench.benchmark.cli.main import main
from partbench.benchmark.metrics.confusion import confuse
from partbench.benchmark.metrics.estimate import Estimate
from partbench.benchmark.plan import NO_HEAD, SUPERVISED, Cell, Plan
from partbench.benchmark.results import CellResult, RunFolder
from partbench.benchmark.scores.label_efficiency import (
    LabelCurve,
    LabelEfficiencyError,
    label_efficiency,
    labels_text,
    mix,
)
from partbench.benchmark.scores.leaderboard import estimates

ROW = ("stylegan2", "linear", 1)


def scored(mean: float, spread: float = 0.0, draws: int = 3) -> Estimate:
    """A score whose draws differ by `spread`, on images that are all alike."""
    return Estimate(tuple(range(draws)), mean + spread * (np.arange(draws) - (draws - 1) / 2), np.zeros((draws, 5)))


def curve(points: dict[int, float], spread: float = 0.0) -> dict[tuple[str, str, int], Estimate]:
    return {(SUPERVISED, NO_HEAD, n): scored(mean, spread * (-1) ** i) for i, (n, mean) in enumerate(points.items())}


def test_the_curve_is_straight_in_the_logarithm() -> None:
    """Half of the way from 10 to 1,000 labels is 100."""
    (row,) = label_efficiency(curve({10: 40.0, 1000: 60.0}) | {ROW: scored(50.0)})
    assert row.labels == pytest.approx(100)
    assert (row.key, row.score) == (ROW, 50.0)


@given(st.lists(st.floats(1, 99), min_size=2, max_size=5), st.floats(0, 100))
def test_no_fewer_labels_reach_the_score(means: list[float], score: float) -> None:
    """The control is below the score at every smaller number, whatever the shape of its curve."""
    points = {10 * 2**i: mean for i, mean in enumerate(means)}
    found = LabelCurve.of(curve(points))
    labels = found.crossing(score)
    for place, there in found.places():
        if labels > place * (1 + 1e-9):
            assert there.mean < score + 1e-6
    if labels not in (0, inf):
        x, y = [log(n) for n in points], list(points.values())
        assert np.interp(log(labels), x, y) == pytest.approx(score, abs=1e-6)


def test_beyond_the_curve_only_a_side_is_known() -> None:
    """Fewer than the fewest labels, or more than the most."""
    known = curve({10: 40.0, 100: 60.0}) | {ROW: scored(70.0), ("vae", "linear", 1): scored(20.0)}
    best, worst = label_efficiency(known)
    assert (best.low, best.labels, best.high) == (inf, inf, inf)
    assert (worst.low, worst.labels, worst.high) == (0, 0, 0)
    assert [labels_text(n, {10: 0, 100: 0}) for n in (0, 37.6, inf)] == ["<10", "38", ">100"]


def test_the_interval_holds_what_cannot_be_told_apart() -> None:
    """It is where the curve lies within the half width of the difference; wider where draws differ more."""
    widths = []
    for spread in (0.5, 2.0):
        known = curve({10: 30.0, 1000: 70.0}) | {ROW: scored(50.0, spread)}
        (row,) = label_efficiency(known)
        half = (known[ROW] - scored(50.0)).half_width()
        assert row.labels == pytest.approx(100)
        slope = 40.0 / log(100)  # points per unit of the logarithm
        for end, sign in ((row.low, -1), (row.high, 1)):
            assert log(end) == pytest.approx(log(100) + sign * half / slope, abs=log(100) / 100)
        widths.append(row.high / row.low)
    assert widths[1] > widths[0] > 1


def test_what_moves_with_the_draws_cancels() -> None:
    """Shots that are bad for both make no interval: the comparison is paired."""
    lucky = {(SUPERVISED, NO_HEAD, n): scored(mean, 6.0) for n, mean in ((10, 30.0), (1000, 70.0))}
    (row,) = label_efficiency(lucky | {ROW: scored(50.0, 6.0)})
    assert row.high / row.low < exp(2 * log(100) / 100)


def test_an_interval_that_leaves_the_curve_is_open() -> None:
    """It says so."""
    (row,) = label_efficiency(curve({10: 40.0, 100: 60.0}) | {ROW: scored(58.0, 4.0)})
    assert 10 < row.low < row.labels < 100 and row.high == inf


@given(st.floats(0, 1))
def test_a_mix_lies_between(share: float) -> None:
    """Draw by draw."""
    between = mix(scored(10.0, 2.0), scored(30.0, 1.0, draws=2), share)
    assert between.draws == (0, 1)
    assert np.allclose(between.scores, (1 - share) * np.array([8.0, 10.0]) + share * np.array([29.5, 30.5]))


def test_one_point_is_no_curve() -> None:
    """And the sentence says how to get one."""
    with pytest.raises(LabelEfficiencyError, match="--backbone supervised --shots"):
        label_efficiency(curve({10: 40.0}) | {ROW: scored(50.0)})


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """A run of few shots and one of many labels, of one protocol."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (8, 12, 12))
    paths = tmp_path / "few", tmp_path / "many"
    for path, backbone, heads, shots in zip(
        paths, ("stylegan2", SUPERVISED), ("linear", NO_HEAD), ((1, 5), (1, 10, 100)), strict=True
    ):
        folder = RunFolder(path)
        plan = Plan("faces", (backbone,), ("linear",), shots=shots, draws=2, size=12, test=8)
        folder.write_plan(plan, {"data": "abc"})
        for cell in plan.cells():
            right = 0.5 + 0.2 * np.log10(cell.shots) + 0.12 * (backbone != SUPERVISED) + 0.01 * cell.draw
            guess = np.where(random.random(truth.shape) < right, truth, (truth + 1) % 3)
            facts = {"data": "abc", "plan": plan.hash, "protocol": 1}
            folder.write(CellResult(cell, ("background", "a", "b"), (), None, confuse(guess, truth, 3), facts))
        assert heads == next(iter(plan.cells())).head
    return paths


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> str:
    monkeypatch.setattr(sys, "argv", ["partbench", "leaderboard", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    return capsys.readouterr().out


def test_the_leaderboard_of_two_runs_says_it(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Under its tables, and alone for a script; a run without the control has no such table."""
    assert "labels that supervised needs" in said(capsys, monkeypatch, *runs)
    assert "labels that supervised needs" not in said(capsys, monkeypatch, runs[0])
    rows = json.loads(said(capsys, monkeypatch, *runs, "--labels", "--format", "json"))
    assert [(row["backbone"], row["shots"]) for row in rows] == [("stylegan2", 1), ("stylegan2", 5)]
    assert 1 < rows[0]["labels"] < rows[1]["labels"] < 100
    assert rows[0]["labels low"] <= rows[0]["labels"] <= (rows[0]["labels high"] or inf)


def test_the_control_s_numbers_of_labels_are_counted(runs: tuple[Path, Path]) -> None:
    """One of them is no curve."""
    results, _ = RunFolder(runs[1]).results()
    assert has_curve(results) and not has_curve([r for r in results if r.cell.shots == 1])
    assert set(estimates(results, "mean")) == {(SUPERVISED, NO_HEAD, n) for n in (1, 10, 100)}
    assert results[0].cell == Cell(SUPERVISED, NO_HEAD, 1, 0)
