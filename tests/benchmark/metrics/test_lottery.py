"""The shot lottery: what of a score is luck, from the numbers and the pictures that a run keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from partbench.benchmark.metrics.definitions import METRICS
from partbench.benchmark.metrics.estimate import Estimate, estimate
from partbench.benchmark.metrics.lottery import (
    MOST,
    Lottery,
    LotteryError,
    agreement_of,
    compute_lottery,
    draws_needed,
    growth_of,
    luck_of,
)
from partbench.benchmark.metrics.power import Components
from partbench.benchmark.scores.lottery_tables import needed_text, sentences


def made(
    mean: float = 50, by_draw: float = 4, by_image: float = 12, both: float = 6, draws: int = 5, seed: int = 0
) -> Estimate:
    """A score with chance of three kinds, in per cent."""
    random = np.random.default_rng(seed)
    table = mean + random.normal(0, by_draw, (draws, 1)) + random.normal(0, by_image, (1, 40))
    table = table + random.normal(0, both, (draws, 40))
    return Estimate(tuple(range(draws)), table.mean(1), table - table.mean(1, keepdims=True))


def test_there_is_no_lottery_where_all_draws_are_alike() -> None:
    """With the same confusions for every draw, its share is 0, however much the images differ."""
    confusion = np.random.default_rng(0).integers(0, 40, (9, 3, 3))
    luck = luck_of(estimate([(draw, confusion) for draw in range(4)], METRICS["mean"], np.ones(3, dtype=bool)))
    assert (luck.share, luck.deviation, luck.spread) == (pytest.approx(0), pytest.approx(0), 0)


def test_all_is_lottery_where_all_images_are_alike() -> None:
    """With images that agree and draws that do not, the share is 1."""
    draws = [(d, np.tile(np.array([[[90, 10], [5, 20 + 4 * d]]]), (9, 1, 1))) for d in range(4)]
    luck = luck_of(estimate(draws, METRICS["mean"], np.ones(2, dtype=bool)))
    assert luck.share == pytest.approx(1)
    assert (luck.best, luck.worst) == (3, 0)


def test_without_any_chance_no_share_is_known() -> None:
    """Nothing varies, and nothing is said."""
    assert np.isnan(luck_of(Estimate((0, 1), np.full(2, 50.0), np.zeros((2, 5)))).share)


def test_the_share_is_what_was_put_in() -> None:
    """On average over runs: 4^2 of 4^2 + 12^2 / 40 + 6^2 / 40, and a deviation of 4."""
    lucks = [luck_of(made(seed=seed, draws=6)) for seed in range(300)]
    variance = np.mean([luck.deviation**2 for luck in lucks])
    assert variance == pytest.approx(16, rel=0.1)
    true = 16 / (16 + 144 / 40 + 36 / 40)
    assert np.median([luck.share for luck in lucks]) == pytest.approx(true, abs=0.04)


rankings = st.integers(2, 6).flatmap(
    lambda draws: st.lists(st.lists(st.integers(0, 4), min_size=draws, max_size=draws), min_size=2, max_size=6)
)


@given(rankings)
def test_agreement_is_friedmans_test(rows: list[list[int]]) -> None:
    """W is the statistic over its largest value; scipy has it for three draws or more."""
    table, (judges, draws) = np.array(rows, dtype=float), np.shape(rows)
    found = agreement_of(table)
    if (table == table[:, :1]).all():
        assert np.isnan(found.w)
    elif draws > 2:
        statistic, p = stats.friedmanchisquare(*table.T)
        assert found.w == pytest.approx(statistic / (judges * (draws - 1)))
        assert found.p == pytest.approx(p)


@given(st.integers(0, 500), st.integers(2, 6), st.integers(3, 7))
def test_agreement_is_the_mean_rank_correlation(seed: int, judges: int, draws: int) -> None:
    """Without ties, of all pairs of backbones."""
    table = np.random.default_rng(seed).normal(size=(judges, draws))
    rhos = [stats.spearmanr(table[i], table[j]).statistic for i in range(judges) for j in range(i)]
    assert agreement_of(table).spearman == pytest.approx(np.mean(rhos), abs=1e-12)


def test_who_ranks_alike_agrees() -> None:
    """W is 1 for one order, whatever the scores; nobody agrees with nobody."""
    order = np.array([1.0, 4.0, 2.0, 9.0])
    assert agreement_of(np.array([order, 3 * order, order**2])).w == pytest.approx(1)
    assert np.isnan(agreement_of(order[None]).w)


@pytest.mark.parametrize("difference", [3.0, 1.5, 0.8])
def test_the_draws_that_are_needed_are_enough_and_one_less_is_not(difference: float) -> None:
    """Half the interval, from the formula of the module, passes the difference there."""
    parts, images = Components(draws=9, images=4, both=16), 100

    def half_width(draws: int) -> float:
        both = parts.both / draws / images
        by_draws, by_images = parts.draws / draws + both, parts.images / images + both
        freedom = (by_draws + by_images) ** 2 / (by_draws**2 / (draws - 1) + by_images**2 / (images - 1))
        return float(stats.t.ppf(0.975, freedom) * np.sqrt(by_draws + by_images - both))

    needed = int(draws_needed(parts, images, difference))
    assert 2 < needed < MOST
    assert half_width(needed) < difference <= half_width(needed - 1)
    assert draws_needed(parts, images, -difference) == needed


def test_no_draws_help_against_few_images() -> None:
    """Where the images alone hide a difference the answer is never; elsewhere it may be more than anyone makes."""
    parts = Components(draws=9, images=100, both=0)
    assert needed_text(draws_needed(parts, 100, 1.9)) == "never"
    assert needed_text(draws_needed(parts, 100, 1.99)) == f">{MOST}"
    assert needed_text(draws_needed(parts, 100, 60)) == "2"
    assert needed_text(draws_needed(Components(0, 0, 0), 100, 0.1)) == "2"
    assert needed_text(draws_needed(Components(0, 0, 0), 100, 0)) == "never"


def test_more_draws_rank_better() -> None:
    """The rank correlation of disjoint sets grows with their size; of two draws it is what scipy says."""
    random = np.random.default_rng(3)
    scores = np.linspace(0, 4, 6)[:, None] + random.normal(0, 3, (6, 16))
    growth = growth_of(scores)
    assert list(growth) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert growth[1] < growth[2] < growth[4] < growth[8]
    assert growth == growth_of(scores)
    two = scores[:, :2]
    assert growth_of(two) == {1: pytest.approx(stats.spearmanr(two[:, 0], two[:, 1]).statistic)}
    assert growth_of(scores[:1]) == {}
    assert np.isnan(growth_of(np.zeros((3, 4)))[2])


def test_backbones_are_held_on_the_draws_that_all_have() -> None:
    """Best first; what is not a number is left out, and a lottery takes two draws."""
    scores = {"low": made(30, seed=1), "high": made(70, seed=2).at([0, 2, 3]), "none": made(float("nan"))}
    found = compute_lottery(scores)
    assert (found.draws, found.images, list(found.lucks)) == ((0, 2, 3), 40, ["high", "low"])
    assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)
    assert found.overall.best == next(iter(found.scores))
    (pair,) = found.neighbours
    assert (pair.better, pair.worse) == ("high", "low")
    assert pair.half_width == pytest.approx((made(70, seed=2) - made(30, seed=1)).at([0, 2, 3]).half_width())
    with pytest.raises(LotteryError, match="all backbones have 1 draw in common and a lottery needs 2; run with"):
        compute_lottery({"one": made().at([1])})
    with pytest.raises(LotteryError, match="no score that is a number; choose another --metric"):
        compute_lottery({"none": made(float("nan"))})


def test_sentences_say_what_is_known() -> None:
    """One backbone agrees with nobody and has no neighbour."""
    one = sentences(compute_lottery({"alone": made()}), {})
    assert len(one) == 1
    assert one[0].startswith("mean over backbones: draw ")
    two: Lottery = compute_lottery({"a": made(60), "b": made(10, seed=1)})
    assert any(text.startswith("a stable ranking needs ") for text in sentences(two, {}))
