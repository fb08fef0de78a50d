"""The definitions of mean IoU, one per convention in the literature, each with a name.

All are computed from the confusions that a run keeps of every image; nothing is run again. With p the pixels, I, P and
T those of a class in the intersection, in the prediction and in the truth, the IoU of a class is I / (P + T - I).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ... import UserError
from .confusion import Classes, Confusion, Scores, divide, per_class, truth_pixels
from .pooling import PerImage, Pooled, Pooling, mean_over

SMALL = 0.02
"""A class is small if it has less than this share of the ground-truth pixels."""
BACKGROUND = "background"
"""Name of the class that some definitions leave out."""
WITH, WITHOUT = "+bg", "-bg"
"""Behind a metric's name: with the background, whatever the dataset and the definition say, or without it."""


class MetricError(UserError):
    """An unknown metric, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class Metric:
    """One definition of a score."""

    name: str
    formula: str
    source: str
    """Who defines it so."""
    pooling: Pooling
    background: bool | None = None
    """Whether the background is averaged over; None: as the dataset says."""

    def scored(self, classes: tuple[str, ...], excluded: tuple[str, ...]) -> Classes:
        """Which of these classes are averaged over, of which the dataset leaves `excluded` out."""
        if self.background:
            return np.ones(len(classes), dtype=bool)
        left_out = {*excluded} if self.background is None else {*excluded, BACKGROUND}
        return np.array([name not in left_out for name in classes])


def weighted(confusion: Confusion, scored: Classes) -> Scores:
    weights = np.where(scored, truth_pixels(confusion), 0)
    return divide((np.nan_to_num(per_class(confusion)) * weights).sum(-1), weights.sum(-1))


def unweighted(confusion: Confusion, scored: Classes) -> Scores:
    return mean_over(per_class(confusion), scored)


def absent_as_zero(confusion: Confusion, scored: Classes) -> Scores:
    labelled = confusion.sum((-1, -2)) > 0
    return np.where(labelled, mean_over(np.nan_to_num(per_class(confusion)), scored), np.nan)


def small(confusion: Confusion, scored: Classes) -> Classes:
    truth = truth_pixels(confusion)
    chosen: Classes = scored & (truth > 0) & (truth < SMALL * truth.sum())
    return chosen


def present_iou(confusion: Confusion) -> Scores:
    return np.where(truth_pixels(confusion) > 0, per_class(confusion), np.nan)


def matched(confusion: Confusion, scored: Classes) -> Scores:
    """The IoU of every class with the predicted class that an assignment gives it; one without pixels has 0."""
    flat = confusion.reshape(-1, *confusion.shape[-2:])
    scores = [_matched(one, scored) for one in flat]
    return np.array(scores).reshape(confusion.shape[:-2])


def _matched(confusion: Confusion, scored: Classes) -> float:
    if not confusion.sum():
        return float("nan")
    from scipy.optimize import linear_sum_assignment  # takes a fifth of a second, for one definition

    union = confusion.sum(1)[:, None] + confusion.sum(0)[None] - confusion
    iou = np.nan_to_num(divide(confusion, union))
    rows, columns = linear_sum_assignment(iou, maximize=True)
    return float(iou[rows, columns][scored].mean()) if scored.any() else float("nan")


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "paper_weighted",
            "sum_k T_k IoU_k / sum_k T_k, pixels of all images together",
            "the paper, section 5.1: weighted by the class's share of ground-truth pixels",
            Pooled(weighted),
        ),
        Metric(
            "mean",
            "mean of IoU_k over the classes that are predicted or there, pixels of all images together",
            "MMSegmentation, IoUMetric (absent = NaN)",
            Pooled(unweighted),
        ),
        Metric(
            "small_parts",
            "as mean, over the classes with less than 2 % of the ground-truth pixels",
            "partbench: eyes, plates and tails vanish in the other two",
            Pooled(unweighted, small),
        ),
        Metric(
            "dataset_mean",
            "as mean, the background among the classes",
            "the paper, Tables 4 and 5, and what later papers quote of it",
            Pooled(unweighted),
            background=True,
        ),
        Metric(
            "pooled_zero",
            "as dataset_mean, but a class that is neither predicted nor there has 0",
            "DatasetGAN and DDPM-seg",
            Pooled(absent_as_zero),
            background=True,
        ),
        Metric(
            "image_mean",
            "mean over classes of the mean IoU over the images where the class is there",
            "SLiMe",
            PerImage(present_iou),
            background=True,
        ),
        Metric(
            "image_union",
            "mean over classes of the mean IoU over the images where the class is predicted or there",
            "LinearGAN, without the background",
            PerImage(per_class),
            background=False,
        ),
        Metric(
            "hungarian",
            "mean IoU after the best one-to-one assignment of predicted to true classes, absent = 0",
            "Hummingbird; an upper bound of pooled_zero that forgives swapped names",
            Pooled(matched),
            background=True,
        ),
    )
}
"""Definitions by name."""
DEFAULT = ("paper_weighted", "mean", "small_parts")
"""What every leaderboard shows."""


def class_metric(name: str, index: int) -> Metric:
    """The IoU of one class alone, pixels of all images together."""
    return Metric(
        name, "I / (P + T - I) of one class", "the paper, Tables 2 to 5", Pooled(lambda c, _: per_class(c)[..., index])
    )


def find_metric(name: str) -> Metric:
    """The metric of a name, behind which `+bg` or `-bg` may stand."""
    base, background = name, None
    for suffix in (WITH, WITHOUT):
        if name.endswith(suffix):
            base, background = name.removesuffix(suffix), suffix == WITH
    if base not in METRICS:
        names = ", ".join(METRICS)
        raise MetricError(f"there is no metric {name!r}; choose {names}, each also with {WITH} or {WITHOUT} behind it")
    metric = METRICS[base]
    return metric if background is None else replace(metric, name=name, background=background)
