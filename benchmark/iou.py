"""Intersection over union from per-image counts: every definition is a few sums away, and nothing is run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

IGNORE = 255
SMALL = 0.02
"""A class is small if it has less than this share of the ground-truth pixels."""

Counts = NDArray[np.int64]
"""(N, K, 3): per image and class, pixels in the intersection, in the prediction, in the ground truth."""
Scores = NDArray[np.float64]


def count(prediction: NDArray[np.integer], truth: NDArray[np.integer], classes: int) -> Counts:
    """Counts (N, classes, 3) of predicted and true masks (N, h, w); pixels of truth `IGNORE` count nowhere."""
    images = len(truth)
    flat_truth, flat_prediction = truth.reshape(images, -1), prediction.reshape(images, -1)
    out = np.zeros((images, classes, 3), dtype=np.int64)
    for i in range(images):
        scored = flat_truth[i] != IGNORE
        t, p = flat_truth[i][scored], flat_prediction[i][scored]
        out[i, :, 0] = np.bincount(t[t == p], minlength=classes)
        out[i, :, 1] = np.bincount(p, minlength=classes)
        out[i, :, 2] = np.bincount(t, minlength=classes)
    return out


def per_class(counts: Counts) -> Scores:
    """IoU (K,) pooled over images; NaN for a class that is neither predicted nor there."""
    intersection, predicted, truth = np.moveaxis(counts.sum(0), -1, 0)
    union = predicted + truth - intersection
    iou: Scores = np.divide(intersection, union, out=np.full(len(union), np.nan), where=union > 0)
    return iou


def paper_weighted(counts: Counts, scored: NDArray[np.bool_]) -> float:
    """IoU weighted by the class's share of ground-truth pixels (section 5.1, evaluation metric)."""
    weights = np.where(scored, counts.sum(0)[:, 2], 0)
    iou = np.nan_to_num(per_class(counts))
    return float((iou * weights).sum() / weights.sum()) if weights.sum() else float("nan")


def mean(counts: Counts, scored: NDArray[np.bool_]) -> float:
    """Unweighted mean over classes, pooled over images, absent classes left out: what later papers compare with."""
    return _mean_over(per_class(counts), scored)


def small_parts(counts: Counts, scored: NDArray[np.bool_]) -> float:
    """Mean over the classes with less than 2 % of the ground-truth pixels; NaN where there is none."""
    truth = counts.sum(0)[:, 2]
    return _mean_over(per_class(counts), scored & (truth > 0) & (truth < SMALL * truth.sum()))


def _mean_over(iou: Scores, chosen: NDArray[np.bool_]) -> float:
    values = iou[chosen & ~np.isnan(iou)]
    return float(values.mean()) if len(values) else float("nan")


METRICS: Mapping[str, Callable[[Counts, NDArray[np.bool_]], float]] = {
    "paper_weighted": paper_weighted,
    "mean": mean,
    "small_parts": small_parts,
}
"""Definitions by name; each takes counts (N, K, 3) and which classes are averaged over, (K,)."""
