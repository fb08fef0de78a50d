"""Intervals cover at the stated rate, over draws of shots and test images together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from partbench.benchmark.metrics.confusion import Confusion
from partbench.benchmark.metrics.definitions import METRICS, class_metric
from partbench.benchmark.metrics.estimate import Estimate, average, detectable, estimate
from partbench.benchmark.metrics.power import components_of

MEAN = METRICS["mean"]
TWO = np.ones(2, dtype=bool)


def made(
    seed: int, draws: int = 3, images: int = 16, by_draw: float = 4, by_image: float = 12, both: float = 6
) -> Estimate:
    """A score of 50 with chance of three kinds, in per cent."""
    random = np.random.default_rng(seed)
    table = 50 + random.normal(0, by_draw, (draws, 1)) + random.normal(0, by_image, (1, images))
    table = table + random.normal(0, both, (draws, images))
    return Estimate(tuple(range(draws)), table.mean(1), table - table.mean(1, keepdims=True))


def simulated(random: np.random.Generator, ease: np.ndarray, skill: float, images: int) -> Confusion:
    """Confusions (images, 2, 2) of a part of 40 in 400 pixels, found as well as the image is easy and the head able."""
    found = 1 / (1 + np.exp(-(skill + ease + random.normal(0, 0.3, images))))
    hits = random.binomial(40, found)
    wrong = random.binomial(360, 0.02, images)
    return np.stack([np.stack([360 - wrong, wrong], -1), np.stack([40 - hits, hits], -1)], -2)


def scores(
    random: np.random.Generator, draws: int, images: int, gain: float = 0.0
) -> Iterator[list[tuple[int, Confusion]]]:
    """Cells of two backbones on the same draws and images; the second is more able by `gain`."""
    ease, luck = random.normal(0, 0.8, images), random.normal(0, 0.3, draws)
    for more in (0.0, gain):
        yield [(d, simulated(random, ease, 0.5 + luck[d] + more, images)) for d in range(draws)]


def truth(gain: float = 0.0) -> float:
    """The mean over very many draws and images."""
    random = np.random.default_rng(99)
    (_, second) = scores(random, 400, 400, gain)
    return estimate(second, MEAN, TWO).mean


@pytest.mark.parametrize("spread", [(4, 0, 0), (0, 15, 0), (4, 15, 5), (1, 10, 10)], ids=str)
@pytest.mark.parametrize("draws", [3, 10])
def test_intervals_cover_what_they_say(draws: int, spread: tuple[float, float, float]) -> None:
    """Of 95 % intervals about 95 % hold the truth, whichever source of chance is the larger."""
    many = [made(seed, draws, 16, *spread) for seed in range(800)]
    covered = np.mean([abs(e.mean - 50) <= e.half_width() for e in many])
    assert 0.925 < covered < 0.99


@pytest.mark.parametrize("draws", [3, 5])
def test_intervals_of_iou_cover_what_they_say(draws: int) -> None:
    """The same for a score that is no average over images, by the jackknife."""
    random, true = np.random.default_rng(0), truth()
    many = [estimate(next(scores(random, draws, 24)), MEAN, TWO) for _ in range(400)]
    assert 0.91 < np.mean([abs(e.mean - true) <= e.half_width() for e in many]) < 0.99


def test_paired_intervals_are_narrower_and_cover_as_well() -> None:
    """What two backbones share, easy images and lucky draws, cancels in their difference."""
    random, gain = np.random.default_rng(1), truth(0.4) - truth()
    covered, ratios = [], []
    for _ in range(300):
        a, b = (estimate(cells, MEAN, TWO) for cells in scores(random, 4, 24, 0.4))
        difference = b - a
        covered.append(abs(difference.mean - gain) <= difference.half_width())
        ratios.append(difference.error / np.hypot(a.error, b.error))
    assert 0.91 < np.mean(covered) < 0.99
    assert np.median(ratios) < 0.5


def test_no_difference_is_found_as_rarely_as_stated() -> None:
    """Of the p-values of a difference that is none, about 5 % are below 0.05."""
    random = np.random.default_rng(2)
    found = []
    for _ in range(300):
        a, b = (estimate(cells, MEAN, TWO) for cells in scores(random, 4, 24))
        found.append((b - a).p() < 0.05)
    assert 0.01 < np.mean(found) < 0.085


def test_the_jackknife_agrees_with_the_bootstrap() -> None:
    """The standard error over images is that of resampled images, of one draw."""
    random = np.random.default_rng(3)
    (cells, _) = scores(random, 1, 60)
    confusion = cells[0][1]
    again = [100 * MEAN.pooling.score(confusion[random.integers(0, 60, 60)], TWO) for _ in range(2000)]
    assert estimate(cells, MEAN, TWO).error == pytest.approx(np.std(again), rel=0.1)


@given(st.integers(0, 1000), st.integers(2, 6), st.integers(2, 30))
def test_without_interaction_the_interval_is_the_textbook_one(seed: int, draws: int, images: int) -> None:
    """Where only the draws differ, it is Student's t of the draws; where only the images do, that of the images."""
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, draws)
    by_draws = Estimate(tuple(range(draws)), values, np.zeros((draws, images)))
    theirs = stats.ttest_1samp(values, 0).confidence_interval()
    assert by_draws.half_width() == pytest.approx((theirs.high - theirs.low) / 2)
    assert by_draws.p() == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    values = random.normal(0, 1, images)
    by_images = Estimate((0, 1), np.full(2, values.mean()), np.tile(values - values.mean(), (2, 1)))
    theirs = stats.ttest_1samp(values, 0).confidence_interval()
    assert by_images.half_width() == pytest.approx((theirs.high - theirs.low) / 2)


@given(st.integers(0, 1000))
def test_a_score_less_itself_is_nothing(seed: int) -> None:
    """No difference, no error, and nothing shown."""
    nothing = made(seed) - made(seed)
    assert (nothing.mean, nothing.error, nothing.half_width(), nothing.p()) == (0, 0, 0, 1)


@given(st.integers(0, 1000))
def test_a_mean_of_one_score_is_that_score(seed: int) -> None:
    """Averaging over heads changes nothing where there is one, or where they agree."""
    one = made(seed)
    for same in (average([one]), average([one, one])):
        assert (same.mean, same.error) == (pytest.approx(one.mean), pytest.approx(one.error))


def test_only_draws_that_both_have_are_compared() -> None:
    """A run that stopped early is compared on what it has."""
    long, short = made(1, draws=5), made(2, draws=5).at([1, 3])
    difference = short - long
    assert difference.draws == (1, 3)
    assert difference.mean == pytest.approx(np.mean(short.scores) - np.mean(long.scores[[1, 3]]))


def test_one_draw_has_the_interval_of_its_images() -> None:
    """It holds for these shots alone; one draw on one image has none."""
    one = made(1, draws=1)
    assert one.error == pytest.approx(np.std(one.influence, ddof=1) / 4)
    assert np.isnan(made(1, draws=1, images=1).half_width())


def test_a_difference_that_can_be_shown_is_shown_as_often_as_it_says() -> None:
    """With 80 % power, four times in five."""
    shift = float(np.median([detectable(e.error, e.freedom) for e in map(made, range(200))]))
    found = [abs(e.mean - 50 + shift) > e.half_width() for e in map(made, range(1000))]
    assert 0.68 < np.mean(found) < 0.88


def test_a_score_that_is_not_there_has_no_interval() -> None:
    """NaN in, NaN out: no small part, no score of small parts."""
    even = np.full((4, 2, 2), 9)
    nothing = estimate([(0, even), (1, even)], METRICS["small_parts"], TWO)
    assert np.isnan(nothing.mean)


def test_a_part_that_is_barely_small_is_as_uncertain_as_its_iou() -> None:
    """Which parts are small is a matter of all images, and none that is left out makes another one of them."""
    eye = np.array([[[970, 5], [10, 15]], [[970, 5], [18, 7]]])  # 2.5 % and 2.5 % of the pixels
    eye[0, 0, 0] = 1970  # of both images together 1.7 %
    cells = [(0, eye)]
    small, one = estimate(cells, METRICS["small_parts"], TWO), estimate(cells, class_metric("eye", 1), TWO)
    assert (small.mean, small.error) == (one.mean, one.error) and small.error > 5


def test_nobody_knows_how_sure_the_score_of_one_image_is() -> None:
    """Where one image alone shows what is scored, there is a score and no interval; nothing is told apart from it."""
    confusions = np.zeros((5, 2, 2))
    confusions[:, 0, 0] = 50
    confusions[2, 1] = 10, 30
    for name in ("small_parts", "class"):
        metric = METRICS[name] if name in METRICS else class_metric(name, 1)
        wide = confusions + np.array([[1000, 0], [0, 0]])
        found = estimate([(draw, wide) for draw in range(3)], metric, TWO)
        assert found.mean == pytest.approx(75)
        assert np.isnan([found.error, found.half_width(), found.p(), found.p_under(0.0)]).all()
        assert np.isnan([*components_of(found)][1:]).all()
        assert np.isnan((found - found).p())
    whole = estimate([(0, wide)], METRICS["paper_weighted"], TWO)
    assert whole.error > 0
