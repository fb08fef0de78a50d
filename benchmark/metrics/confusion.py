"""Intersection over union from confusions: pixels counted once per image, from which every definition follows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IGNORE = 255

Confusion = NDArray[np.int64]
"""(..., K, K): pixels of the class of the row that are predicted as the class of the column."""
Scores = NDArray[np.float64]
Classes = NDArray[np.bool_]
"""(K,): which classes are averaged over."""


def confuse(prediction: NDArray[np.integer], truth: NDArray[np.integer], classes: int) -> Confusion:
    """Confusions (N, K, K) of predicted and true masks (N, h, w) of K classes; `IGNORE` in the truth counts nowhere."""
    out = np.zeros((len(truth), classes, classes), dtype=np.int64)
    for i, (guess, true) in enumerate(zip(prediction, truth, strict=True)):
        scored = true != IGNORE
        pairs = true[scored].astype(np.int64) * classes + guess[scored].astype(np.int64)
        out[i] = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return out


def truth_pixels(confusion: Confusion) -> NDArray[np.int64]:
    """Ground-truth pixels (..., K) of every class."""
    pixels: NDArray[np.int64] = confusion.sum(-1)
    return pixels


def per_class(confusion: Confusion) -> Scores:
    """IoU (..., K) of every class; NaN for a class that is neither predicted nor there."""
    intersection = np.diagonal(confusion, axis1=-2, axis2=-1)
    union = confusion.sum(-1) + confusion.sum(-2) - intersection
    return divide(intersection, union)


def divide(part: NDArray[np.number], whole: NDArray[np.number]) -> Scores:
    """`part / whole`, NaN where there is no whole."""
    out: Scores = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return out
