"""Comparisons are corrected for their number, and ranks pretend no order that is not shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.metrics.estimate import Estimate, average
from partbench.benchmark.metrics.significance import Rank, compare, holm, ranks

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def made(mean: float, seed: int = 0, by_draw: float = 0.0, draws: int = 4, images: int = 12) -> Estimate:
    """A score with chance by draw and image."""
    random = np.random.default_rng(seed)
    table = mean + random.normal(0, 1, (draws, images)) + random.normal(0, by_draw, (draws, 1))
    return Estimate(tuple(range(draws)), table.mean(1), table - table.mean(1, keepdims=True))


@given(p_values)
def test_holm_is_the_step_down_rule(values: list[float]) -> None:
    """A hypothesis is rejected if it and all with smaller p are below alpha over how many are left (Holm 1979)."""
    corrected, order = holm(values), np.argsort(values, kind="stable")
    for alpha in (0.01, 0.05, 0.2):
        passed = np.array(values)[order] * np.arange(len(values), 0, -1) < alpha
        first = len(values) if passed.all() else int(np.argmin(passed))
        assert {*order[:first]} == {*np.flatnonzero(corrected < alpha)}


@given(p_values)
def test_a_correction_never_helps(values: list[float]) -> None:
    """No corrected p is below its own, or above 1; one alone stays as it is; what is not known is not counted."""
    corrected = holm(values)
    assert (corrected >= np.array(values)).all() and (corrected <= 1).all()
    assert holm(values[:1]).tolist() == values[:1]
    with_unknown = holm([float("nan"), *values])
    assert np.isnan(with_unknown[0])
    assert np.array_equal(with_unknown[1:], corrected)


@pytest.mark.parametrize("by_draw", [0.0, 0.3, 2.0])
def test_false_finds_are_rare_however_many_are_compared(by_draw: float) -> None:
    """Twelve comparisons of nothing with nothing find anything at all once in twenty times or less, of three draws."""
    found = 0
    for seed in range(300):
        numbers = range(100 * seed, 100 * seed + 12)
        pairs = {i: (made(50, i, by_draw, 3, 16), made(50, i + 50, by_draw, 3, 16)) for i in numbers}
        found += any(c.shown() for c in compare(pairs).values())
    assert found / 300 < 0.085


@given(st.integers(0, 500))
def test_a_comparison_the_other_way_round_is_its_mirror(seed: int) -> None:
    """The difference changes its sign and nothing else changes."""
    a, b = made(50, seed), made(51, seed + 1)
    one, other = compare({0: (a, b)})[0], compare({0: (b, a)})[0]
    assert one.difference.mean == pytest.approx(-other.difference.mean)
    assert (one.p, one.detectable) == (pytest.approx(other.p), pytest.approx(other.detectable))


def test_scores_without_a_common_draw_are_not_compared() -> None:
    """They saw other shots."""
    assert compare({0: (made(50).at([0, 1]), made(50).at([2, 3]))}) == {}


def test_ranks_tell_apart_what_is_shown_and_nothing_else() -> None:
    """A clear winner, two that are alike, and a clear last."""
    scores = {"best": made(80, 1), "like": made(60, 2), "alike": made(60, 3), "last": made(20, 4)}
    found = ranks(scores)
    assert found == {"best": Rank(1, 1), "like": Rank(2, 3), "alike": Rank(2, 3), "last": Rank(4, 4)}
    assert [str(rank) for rank in found.values()] == ["1", "2-3", "2-3", "4"]


def test_a_score_that_is_not_there_has_no_rank() -> None:
    """NaN is neither first nor last."""
    assert ranks({"a": made(50, 1), "b": made(float("nan"), 2)}) == {"a": Rank(1, 1)}


def test_what_is_alike_shares_all_places() -> None:
    """Ten names of one thing are all of rank 1-10."""
    scores = {i: made(50, seed=7) for i in range(10)}
    assert set(ranks(scores).values()) == {Rank(1, 10)}


def test_without_a_common_draw_there_is_no_mean() -> None:
    """NaN, and no warning."""
    nothing = average([made(50).at([0]), made(50).at([1])])
    assert np.isnan(nothing.mean) and np.isnan(nothing.half_width())
