"""Intersection over union from per-image counts agrees with torchmetrics and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import jaccard_score
from torchmetrics.functional.classification import multiclass_jaccard_index

from partbench.benchmark.iou import IGNORE, METRICS, count, mean, paper_weighted, per_class, small_parts

K = 5
ALL = np.ones(K, dtype=bool)

Masks = NDArray[np.int64]


def masks(*extra: int) -> st.SearchStrategy[Masks]:
    """Three masks of 4x4 pixels; not every class is in every one."""
    return arrays(np.int64, (3, 4, 4), elements=st.sampled_from([*range(K), *extra]))


@given(masks(), masks(IGNORE))
def test_every_class_agrees_with_torchmetrics(prediction: Masks, truth: Masks) -> None:
    """Pixels of `IGNORE` count nowhere, and a class that is neither predicted nor there has no IoU."""
    ours = per_class(count(prediction, truth, K))
    theirs = multiclass_jaccard_index(
        torch.from_numpy(prediction), torch.from_numpy(truth), K, average="none", ignore_index=IGNORE
    ).numpy()
    counted = truth != IGNORE
    there = np.isin(np.arange(K), np.concatenate([truth[counted], prediction[counted]]))
    assert np.array_equal(~np.isnan(ours), there)
    assert ours[there] == pytest.approx(theirs[there])


@given(masks(), masks())
def test_paper_weighted_agrees_with_scikit_learn(prediction: Masks, truth: Masks) -> None:
    """The paper's metric is the Jaccard index weighted by the support of each class."""
    theirs = jaccard_score(truth.ravel(), prediction.ravel(), average="weighted", zero_division=0)
    assert paper_weighted(count(prediction, truth, K), ALL) == pytest.approx(theirs)


@given(masks(), masks())
def test_mean_agrees_with_scikit_learn(prediction: Masks, truth: Masks) -> None:
    """The mean is over the classes that are predicted or there."""
    theirs = jaccard_score(truth.ravel(), prediction.ravel(), average="macro")
    assert mean(count(prediction, truth, K), ALL) == pytest.approx(theirs)


@given(masks(), masks(IGNORE))
def test_counts_add_up_over_images(prediction: Masks, truth: Masks) -> None:
    """Counts of all images are those of slices, one after the other."""
    whole = count(prediction, truth, K)
    parts = [count(prediction[i : i + 1], truth[i : i + 1], K) for i in range(3)]
    assert np.array_equal(whole, np.concatenate(parts))


@given(masks(), masks(IGNORE))
def test_what_is_predicted_where_nothing_is_labelled_does_not_matter(prediction: Masks, truth: Masks) -> None:
    """Two predictions that differ on `IGNORE` alone have the same counts."""
    other = np.where(truth == IGNORE, (prediction + 1) % K, prediction)
    assert np.array_equal(count(prediction, truth, K), count(other, truth, K))


@given(masks(), masks(), st.integers(0, K - 1))
def test_an_excluded_class_is_predicted_but_not_averaged_over(prediction: Masks, truth: Masks, background: int) -> None:
    """Without the background, weights and means are those of the other classes, whose unions still see it."""
    scored = np.arange(K) != background
    counts = count(prediction, truth, K)
    iou, weights = per_class(counts), np.where(scored, counts.sum(0)[:, 2], 0)
    if weights.sum():
        expected = sum(iou[k] * weights[k] for k in range(K) if weights[k]) / weights.sum()
        assert paper_weighted(counts, scored) == pytest.approx(expected)
    if not np.isnan(iou[scored]).all():
        assert mean(counts, scored) == pytest.approx(np.nanmean(iou[scored]))


def test_a_small_part_has_less_than_2_percent_of_the_pixels() -> None:
    """`small_parts` is the mean over those classes alone; what is only predicted is no part."""
    truth = np.zeros((1, 10, 20), dtype=np.int64)
    truth[0, 0, :3] = 1  # 1.5 %
    truth[0, 1, :4] = 2  # 2 %, which is not small
    prediction = truth.copy()
    prediction[0, 0, 2] = 0
    prediction[0, 1] = 0
    prediction[0, 2, 0] = 3
    assert small_parts(count(prediction, truth, K), ALL) == pytest.approx(2 / 3)


def test_without_small_parts_there_is_no_score_for_them() -> None:
    """NaN, not 0, where nothing is small."""
    truth = np.arange(K).repeat(4).reshape(1, 4, 5)
    assert np.isnan(small_parts(count(truth, truth, K), ALL))


@pytest.mark.parametrize("metric", METRICS)
def test_where_nothing_is_labelled_there_is_no_score(metric: str) -> None:
    """A test split without a label has NaN for a score."""
    nothing = np.full((2, 4, 4), IGNORE)
    assert np.isnan(METRICS[metric](count(np.zeros_like(nothing), nothing, K), ALL))


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_masks_may_be_of_any_integer_type(kind: type[Any]) -> None:
    """A perfect prediction scores 1, whatever integers hold it."""
    truth = np.arange(K, dtype=kind).repeat(4).reshape(1, 4, 5)
    counts = count(truth, truth, K)
    assert counts.dtype == np.int64
    assert paper_weighted(counts, ALL) == mean(counts, ALL) == 1
