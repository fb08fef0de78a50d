"""A score is worth as many labels as the supervised control needs to reach it (Figure 6)."""

from __future__ import annotations

from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.metrics.estimate import Estimate
from partbench.benchmark.plan import NO_HEAD, SUPERVISED
from partbench.benchmark.scores.label_efficiency import (
    LabelCurve,
    LabelEfficiencyError,
    label_efficiency,
    labels_text,
    mix,
)

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
