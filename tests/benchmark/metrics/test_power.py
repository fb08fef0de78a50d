"""The power that is promised before a run is the rate at which the run then shows what is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from partbench.benchmark.metrics.estimate import Estimate
from partbench.benchmark.metrics.power import TWO_SIDED, Components, components_of, power, smallest_difference
from partbench.benchmark.metrics.significance import compare, find_drops

RUNS = 1200
CASES = [
    (Components(1, 30, 10), 3, 16),
    (Components(4, 1, 1), 3, 16),
    (Components(1, 60, 40), 5, 64),
    (Components(0, 100, 0), 3, 16),
    (Components(0, 0, 50), 4, 16),
]


def simulated(random: np.random.Generator, spread: Components, draws: int, images: int, mean: float) -> Estimate:
    """A difference with chance of three kinds."""
    by_draw, by_image, both = np.sqrt(spread)
    table = mean + random.normal(0, by_draw, (draws, 1)) + random.normal(0, by_image, (1, images))
    table = table + random.normal(0, both, (draws, images))
    return Estimate(tuple(range(draws)), table.mean(1), table - table.mean(1, keepdims=True))


def as_promised(found: Sequence[bool], promised: float) -> bool:
    """Whether so many finds are what a rate gives, 999 times in 1000."""
    low, high = stats.binom.interval(0.999, len(found), promised)
    return bool(low <= sum(found) <= high)


@pytest.mark.parametrize(("spread", "draws", "images"), CASES, ids=str)
def test_a_comparison_shows_what_was_promised(spread: Components, draws: int, images: int) -> None:
    """Two-sided and alone, whichever source of chance is the larger."""
    random = np.random.default_rng(0)
    true = smallest_difference(spread, draws, images, 0.8, sides=TWO_SIDED)
    found = [simulated(random, spread, draws, images, true).p() < 0.05 for _ in range(RUNS)]
    assert as_promised(found, 0.8)


@pytest.mark.parametrize(("spread", "draws", "images"), CASES, ids=str)
def test_one_of_twelve_comparisons_shows_what_was_promised(spread: Components, draws: int, images: int) -> None:
    """Among eleven in which there is no difference."""
    random = np.random.default_rng(3)
    true = smallest_difference(spread, draws, images, 0.7, comparisons=12, sides=TWO_SIDED)
    nothing = simulated(random, spread, draws, images, 0.0)
    nothing = nothing - nothing
    found = []
    for _ in range(200):
        means = [true, *[0.0] * 11]
        pairs = {i: (nothing, simulated(random, spread, draws, images, mean)) for i, mean in enumerate(means)}
        found.append(compare(pairs)[0].shown())
    assert as_promised(found, 0.7)


@pytest.mark.parametrize(("spread", "draws", "images"), CASES, ids=str)
def test_a_gate_shows_what_was_promised(spread: Components, draws: int, images: int) -> None:
    """One-sided, one drop beyond the tolerance among twelve scores of which eleven did not move."""
    random = np.random.default_rng(1)
    beyond = smallest_difference(spread, draws, images, 0.7, comparisons=12)
    found = []
    for _ in range(200):
        others = [simulated(random, spread, draws, images, 0.0) for _ in range(11)]
        fallen = simulated(random, spread, draws, images, -0.5 - beyond)
        found.append(find_drops([fallen, *others], 0.5, 0.05)[0].shown)
    assert as_promised(found, 0.7)


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("comparisons", [1, 12])
def test_with_one_source_of_chance_it_is_the_power_of_students_test(sides: int, comparisons: int) -> None:
    """As the noncentral t distribution has it, over images alone and over draws alone."""
    quantile = 1 - 0.05 / (sides * comparisons)
    for spread, draws, images, freedom, error in (
        (Components(0, 9, 0), 4, 25, 24, 3 / 5),
        (Components(4, 0, 0), 5, 10, 4, 2 / np.sqrt(5)),
    ):
        bound = stats.t.ppf(quantile, freedom)
        for difference in (0.5, 1.5, 4.0):
            theirs = stats.nct.sf(bound, freedom, difference / error)
            theirs += stats.nct.cdf(-bound, freedom, difference / error) if sides == 2 else 0
            ours = power(spread, draws, images, difference, comparisons=comparisons, sides=sides)
            assert ours == pytest.approx(theirs, abs=0.015)


spreads = st.builds(Components, st.floats(0.1, 50), st.floats(0.1, 500), st.floats(0.1, 500))


@settings(max_examples=30)
@given(spreads, st.integers(1, 8), st.integers(2, 60), st.floats(0.3, 0.95), st.sampled_from([1, 2]))
def test_the_smallest_difference_has_the_power_it_is_asked_for(
    spread: Components, draws: int, images: int, target: float, sides: int
) -> None:
    """One is the other's inverse; a larger difference is shown more often."""
    smallest = smallest_difference(spread, draws, images, target, sides=sides)
    assert power(spread, draws, images, smallest, sides=sides) == pytest.approx(target, abs=1e-6)
    assert power(spread, draws, images, 1.1 * smallest, sides=sides) > target


@settings(max_examples=30)
@given(spreads, st.integers(2, 8), st.integers(4, 60))
def test_more_of_anything_shows_more(spread: Components, draws: int, images: int) -> None:
    """Twice the draws and images, or fewer comparisons, and a smaller difference is enough."""
    alone = smallest_difference(spread, draws, images)
    assert smallest_difference(spread, 2 * draws, 2 * images) < alone
    assert smallest_difference(spread, draws, images, comparisons=20) > alone


def test_components_are_recovered() -> None:
    """On average over runs they are what the runs were made with."""
    random, spread = np.random.default_rng(2), Components(4, 60, 20)
    found = [components_of(simulated(random, spread, 5, 30, 0.0)) for _ in range(600)]
    assert np.mean(found, 0) == pytest.approx(spread, rel=0.1)


def test_components_explain_the_error_that_they_come_from() -> None:
    """Put together for as many draws and images, they give the variance back."""
    one = simulated(np.random.default_rng(3), Components(9, 60, 20), 5, 30, 0.0)
    draws, images, both = components_of(one)
    assert draws / 5 + images / 30 + both / 150 == pytest.approx(one.error**2)


def test_one_draw_is_planned_for_its_shots_alone() -> None:
    """How draws differ is then no chance; one draw on one image says nothing."""
    assert power(Components(100, 9, 7), 1, 25, 1.5) == pytest.approx(power(Components(0, 16, 0), 3, 25, 1.5))
    assert components_of(simulated(np.random.default_rng(4), Components(4, 9, 7), 1, 25, 0.0)).draws == 0
    assert np.isnan(power(Components(1, 1, 1), 1, 1, 5.0))
    assert np.isnan(smallest_difference(Components(1, 1, 1), 1, 1))


def test_without_chance_anything_is_shown() -> None:
    """A run that repeats itself to the last pixel shows every difference, and none where there is none."""
    nothing = Components(0, 0, 0)
    assert power(nothing, 3, 16, 0.01) == 1
    assert power(nothing, 3, 16, 0.0) == 0
    assert smallest_difference(nothing, 3, 16) == 0
