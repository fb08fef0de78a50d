"""Every definition of a score is its formula, and agrees with those who implement it."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import jaccard_score
from torchmetrics.functional.classification import multiclass_jaccard_index

from partbench.benchmark.metrics.confusion import IGNORE, Confusion, confuse, per_class
from partbench.benchmark.metrics.definitions import DEFAULT, METRICS, MetricError, find_metric

K, N = 4, 3
CLASSES = ("background", "eyes", "mouth", "nose")
ALL = np.ones(K, dtype=bool)
Masks = NDArray[np.int64]


def masks(*extra: int) -> st.SearchStrategy[Masks]:
    """Masks of 4x4 pixels; not every class is in every one."""
    return arrays(np.int64, (N, 4, 4), elements=st.sampled_from([*range(K), *extra]))


confusions = st.builds(lambda guess, truth: confuse(guess, truth, K), masks(), masks(IGNORE))


def score(name: str, confusion: Confusion, excluded: tuple[str, ...] = ()) -> float:
    metric = find_metric(name)
    return metric.pooling.score(confusion, metric.scored(CLASSES, excluded))


@given(masks(), masks())
def test_paper_weighted_agrees_with_scikit_learn(prediction: Masks, truth: Masks) -> None:
    """The paper's metric is the Jaccard index weighted by the support of each class."""
    theirs = jaccard_score(truth.ravel(), prediction.ravel(), average="weighted", zero_division=0)
    assert score("paper_weighted", confuse(prediction, truth, K)) == pytest.approx(theirs)


@given(masks(), masks())
def test_mean_agrees_with_scikit_learn(prediction: Masks, truth: Masks) -> None:
    """The mean is over the classes that are predicted or there."""
    theirs = jaccard_score(truth.ravel(), prediction.ravel(), average="macro")
    assert score("mean", confuse(prediction, truth, K)) == pytest.approx(theirs)
    assert score("dataset_mean", confuse(prediction, truth, K), ("background",)) == pytest.approx(theirs)


@given(masks(), masks())
def test_pooled_zero_agrees_with_torchmetrics(prediction: Masks, truth: Masks) -> None:
    """A class that is nowhere has 0 and counts in the mean."""
    iou = multiclass_jaccard_index(torch.from_numpy(prediction), torch.from_numpy(truth), K, average="none")
    assert score("pooled_zero", confuse(prediction, truth, K)) == pytest.approx(iou.mean().item(), abs=1e-6)


@given(masks(), masks())
def test_image_mean_averages_over_the_images_that_have_the_part(prediction: Masks, truth: Masks) -> None:
    """An image whose truth lacks a part is skipped for it."""
    values = []
    for k in range(K):
        there = [
            jaccard_score(true.ravel() == k, guess.ravel() == k, zero_division=0)
            for guess, true in zip(prediction, truth, strict=True)
            if (true == k).any()
        ]
        values += [np.mean(there)] if there else []
    assert score("image_mean", confuse(prediction, truth, K)) == pytest.approx(np.mean(values))


@given(masks(), masks())
def test_image_union_leaves_the_background_out(prediction: Masks, truth: Masks) -> None:
    """An image counts for a part that is predicted or there; the background is no part."""
    values = []
    for k in range(1, K):
        there = [
            jaccard_score(true.ravel() == k, guess.ravel() == k, zero_division=0)
            for guess, true in zip(prediction, truth, strict=True)
            if (true == k).any() or (guess == k).any()
        ]
        values += [np.mean(there)] if there else []
    expected = np.mean(values) if values else np.nan
    assert score("image_union", confuse(prediction, truth, K)) == pytest.approx(expected, nan_ok=True)


@given(masks(), masks())
def test_hungarian_is_the_best_renaming(prediction: Masks, truth: Masks) -> None:
    """No permutation of the predicted classes has a higher `pooled_zero`."""
    best = max(score("pooled_zero", confuse(np.array(order)[prediction], truth, K)) for order in permutations(range(K)))
    assert score("hungarian", confuse(prediction, truth, K)) == pytest.approx(best)


@given(confusions)
def test_an_excluded_class_is_predicted_but_not_averaged_over(confusion: Confusion) -> None:
    """Without the background, weights and means are those of the other classes, whose unions still see it."""
    pooled = confusion.sum(0)
    iou, weights = per_class(pooled)[1:], pooled.sum(1)[1:]
    for name, expected in (
        ("paper_weighted", np.nansum(iou * weights) / weights.sum() if weights.sum() else np.nan),
        ("mean", np.nanmean(iou) if not np.isnan(iou).all() else np.nan),
    ):
        left_out = score(name, confusion, ("background",))
        assert left_out == pytest.approx(expected, nan_ok=True)
        assert score(f"{name}-bg", confusion) == pytest.approx(left_out, nan_ok=True)
        assert score(f"{name}+bg", confusion, ("background",)) == pytest.approx(score(name, confusion), nan_ok=True)


def test_a_small_part_has_less_than_2_percent_of_the_pixels() -> None:
    """`small_parts` is the mean over those classes alone; what is only predicted is no part."""
    truth = np.zeros((1, 10, 20), dtype=np.int64)
    truth[0, 0, :3] = 1  # 1.5 %
    truth[0, 1, :4] = 2  # 2 %, which is not small
    prediction = truth.copy()
    prediction[0, 0, 2] = 0
    prediction[0, 1] = 0
    prediction[0, 2, 0] = 3
    assert score("small_parts", confuse(prediction, truth, K)) == pytest.approx(2 / 3)


def test_without_small_parts_there_is_no_score_for_them() -> None:
    """NaN, not 0, where nothing is small."""
    truth = np.arange(K).repeat(4).reshape(1, 4, 4)
    assert np.isnan(score("small_parts", confuse(truth, truth, K)))


@pytest.mark.parametrize("name", METRICS)
@given(confusion=confusions)
def test_a_score_is_a_share_and_the_jackknife_leaves_one_image_out(name: str, confusion: Confusion) -> None:
    """Leaving each image out at once is the same as scoring the others, one after the other."""
    metric = METRICS[name]
    value = metric.pooling.score(confusion, ALL)
    assert np.isnan(value) or 0 <= value <= 1
    pooling, scored = metric.pooling, ALL
    if name == "small_parts":  # those of all images
        pooling, scored = METRICS["mean"].pooling, metric.pooling.chosen(confusion.sum(0), ALL)  # type: ignore[attr-defined]
    others = [pooling.score(np.delete(confusion, i, 0), scored) for i in range(N)]
    assert metric.pooling.without_each(confusion, ALL) == pytest.approx(others, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_prediction_scores_one(name: str) -> None:
    """Where every class is there and right, all definitions agree (small parts among large ones)."""
    truth = np.zeros((2, 12, 12), dtype=np.int64)
    truth[:, 0, :3] = [1, 2, 3]
    assert score(name, confuse(truth, truth, K)) == 1


@pytest.mark.parametrize("name", METRICS)
def test_where_nothing_is_labelled_there_is_no_score(name: str) -> None:
    """A test split without a label has NaN for a score."""
    nothing = np.full((2, 4, 4), IGNORE)
    assert np.isnan(score(name, confuse(np.zeros_like(nothing), nothing, K)))


@pytest.mark.parametrize("name", METRICS)
def test_every_definition_says_its_formula_and_its_source(name: str) -> None:
    """A number without a definition cannot be compared."""
    assert METRICS[name].name == name
    assert METRICS[name].formula and METRICS[name].source


def test_the_usual_metrics_are_there() -> None:
    """A leaderboard that is asked for nothing shows three."""
    assert set(DEFAULT) < set(METRICS)


def test_an_unknown_metric_is_refused() -> None:
    """The sentence lists those that are there."""
    with pytest.raises(MetricError, match=r"^there is no metric 'dice'; choose paper_weighted, mean, .*-bg behind it$"):
        find_metric("dice")
