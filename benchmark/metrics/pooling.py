"""How the scores of images become one: their pixels counted together, or an IoU of each image averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .confusion import Classes, Confusion, Scores, divide


class Pooling(Protocol):
    """How scores are pooled over images."""

    def score(self, confusion: Confusion, scored: Classes) -> float:
        """The score in [0, 1] of images (N, K, K); NaN where nothing can be averaged."""

    def without_each(self, confusion: Confusion, scored: Classes) -> Scores:
        """The scores (N,) of all images but one, for every one in turn: the jackknife."""


@dataclass(frozen=True)
class Pooled:
    """The pixels of all images are counted together."""

    value: Callable[[Confusion, Classes], Scores]
    """The score (...) of confusions (..., K, K)."""
    chosen: Callable[[Confusion, Classes], Classes] = lambda confusion, scored: scored
    """Which of the scored classes count, by the pixels (K, K) of all images; without one image they are the same."""

    def score(self, confusion: Confusion, scored: Classes) -> float:
        whole = confusion.sum(0)
        return float(self.value(whole, self.chosen(whole, scored)))

    def without_each(self, confusion: Confusion, scored: Classes) -> Scores:
        whole = confusion.sum(0)
        return self.value(whole - confusion, self.chosen(whole, scored))


@dataclass(frozen=True)
class PerImage:
    """Every image has its IoU of every class; those are averaged over images, then over classes."""

    values: Callable[[Confusion], Scores]
    """(N, K) of confusions (N, K, K); NaN where an image is skipped for a class."""

    def score(self, confusion: Confusion, scored: Classes) -> float:
        values = self.values(confusion)
        return float(mean_over(divide(np.nansum(values, 0), (~np.isnan(values)).sum(0)), scored))

    def without_each(self, confusion: Confusion, scored: Classes) -> Scores:
        values = self.values(confusion)
        there = ~np.isnan(values)
        rest = np.nansum(values, 0) - np.nan_to_num(values)
        return mean_over(divide(rest, there.sum(0) - there), scored)


def mean_over(iou: Scores, scored: Classes) -> Scores:
    """The mean (...) over the scored classes of IoUs (..., K), without those that are NaN."""
    chosen = np.where(scored, iou, np.nan)
    return divide(np.nansum(chosen, -1), (~np.isnan(chosen)).sum(-1))
