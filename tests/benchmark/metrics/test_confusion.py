"""Confusions, and IoU from them, agree with scikit-learn and torchmetrics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from torchmetrics.functional.classification import multiclass_jaccard_index

from partbench.benchmark.metrics.confusion import IGNORE, confuse, per_class

K = 5
Masks = NDArray[np.int64]


def masks(*extra: int) -> st.SearchStrategy[Masks]:
    """Three masks of 4x4 pixels; not every class is in every one."""
    return arrays(np.int64, (3, 4, 4), elements=st.sampled_from([*range(K), *extra]))


@given(masks(), masks(IGNORE))
def test_every_class_agrees_with_torchmetrics(prediction: Masks, truth: Masks) -> None:
    """Pixels of `IGNORE` count nowhere, and a class that is neither predicted nor there has no IoU."""
    ours = per_class(confuse(prediction, truth, K).sum(0))
    theirs = multiclass_jaccard_index(
        torch.from_numpy(prediction), torch.from_numpy(truth), K, average="none", ignore_index=IGNORE
    ).numpy()
    counted = truth != IGNORE
    there = np.isin(np.arange(K), np.concatenate([truth[counted], prediction[counted]]))
    assert np.array_equal(~np.isnan(ours), there)
    assert ours[there] == pytest.approx(theirs[there])


@given(masks(), masks(IGNORE))
def test_confusions_agree_with_scikit_learn(prediction: Masks, truth: Masks) -> None:
    """Rows are true classes, columns predicted ones, each image by itself."""
    for ours, guess, true in zip(confuse(prediction, truth, K), prediction, truth, strict=True):
        there = true != IGNORE
        if there.any():
            assert np.array_equal(ours, confusion_matrix(true[there], guess[there], labels=range(K)))
        else:
            assert not ours.any()


@given(masks(), masks(IGNORE))
def test_confusions_add_up_over_images(prediction: Masks, truth: Masks) -> None:
    """Confusions of all images are those of slices, one after the other."""
    whole = confuse(prediction, truth, K)
    parts = [confuse(prediction[i : i + 1], truth[i : i + 1], K) for i in range(3)]
    assert np.array_equal(whole, np.concatenate(parts))


@given(masks(), masks(IGNORE))
def test_what_is_predicted_where_nothing_is_labelled_does_not_matter(prediction: Masks, truth: Masks) -> None:
    """Two predictions that differ on `IGNORE` alone have the same confusions."""
    other = np.where(truth == IGNORE, (prediction + 1) % K, prediction)
    assert np.array_equal(confuse(prediction, truth, K), confuse(other, truth, K))


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_masks_may_be_of_any_integer_type(kind: type[Any]) -> None:
    """A perfect prediction has an IoU of 1, whatever integers hold it."""
    truth = np.arange(K, dtype=kind).repeat(4).reshape(1, 4, 5)
    confusion = confuse(truth, truth, K)
    assert confusion.dtype == np.int64
    assert per_class(confusion[0]).tolist() == [1] * K
