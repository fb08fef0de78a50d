"""Breakdowns of scores: by class, confusion, cost and single images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..metrics.confusion import Confusion, Scores, divide
from ..metrics.definitions import METRICS, find_metric
from ..metrics.estimate import estimate
from ..results import CellResult, Key
from ..scores.leaderboard import KEYS
from .leaderboard_views import MEAN, LeaderboardLine
from .run_data import RunData


def class_scores(content: RunData) -> dict[Key, Scores]:
    """IoU (K, 2) of every class in per cent, pixels of all images together: mean over draws, half its interval."""
    one = np.eye(len(content.classes), dtype=bool)
    return {key: np.array([_class_score(group, only) for only in one]) for key, group in content.groups.items()}


def _class_score(group: tuple[CellResult, ...], only: NDArray[np.bool_]) -> tuple[float, float]:
    pairs = [(result.cell.draw, result.confusion) for result in group if result.confusion is not None]
    found = estimate(pairs, METRICS["mean"], only)
    return found.mean, found.half_width() if found.mean == found.mean else float("nan")


def class_table(content: RunData, scores: Mapping[Key, Scores]) -> pd.DataFrame:
    """A row per backbone, head, shots and class."""
    rows = [
        (*key, name, float(mean), float(half))
        for key, class_iou in scores.items()
        for name, (mean, half) in zip(content.classes, class_iou, strict=True)
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "class", "IoU", "±"])


def pooled(content: RunData) -> dict[Key, Confusion]:
    """Confusions (K, K) of all draws and images together."""
    return {
        key: np.sum([result.confusion.sum(0) for result in group if result.confusion is not None], axis=0)
        for key, group in content.groups.items()
    }


def shares(confusion: Confusion) -> Scores:
    """Of the pixels of each class (row), the share in per cent that is predicted as each class (column)."""
    return 100 * divide(confusion, np.broadcast_to(confusion.sum(1, keepdims=True), confusion.shape))


def confusion_table(content: RunData, confusions: Mapping[Key, Confusion]) -> pd.DataFrame:
    """A row per backbone, head, shots and true class; in the columns the pixels that are predicted as each class."""
    rows = [
        (*key, name, *(int(pixels) for pixels in row))
        for key, confusion in confusions.items()
        for name, row in zip(content.classes, confusion, strict=True)
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "class", *(f"as {name}" for name in content.classes)])


@dataclass(frozen=True)
class CostPoint:
    """The cost and the score of a backbone."""

    backbone: str
    seconds: float
    """Per image, inversion included."""
    score: float
    half: float
    front: bool
    """Nothing that is as cheap scores more."""


def costs(content: RunData, lines: Sequence[LeaderboardLine], metric: str) -> list[CostPoint]:
    """Every backbone whose cost is known, with its score of the first view and most shots; cheapest first."""
    view = next((line.view for line in lines), MEAN)
    found = []
    for line in lines:
        source, score = content.facts.sources.get(line.backbone), line.scores[metric]
        if line.view == view and line.shots == content.most and source and source.seconds is not None:
            found.append((source.seconds, -score.mean, line.backbone, score))
    best, out = float("-inf"), []
    for seconds, _, backbone, score in sorted(entry for entry in found if entry[3].is_number):
        out.append(CostPoint(backbone, seconds, score.mean, score.half, score.mean > best))
        best = max(best, score.mean)
    return out


def cost_table(content: RunData, lines: Sequence[LeaderboardLine]) -> pd.DataFrame:
    rows = [
        (cost.backbone, cost.seconds, metric, cost.score, cost.half, cost.front)
        for metric in content.metrics
        for cost in costs(content, lines, metric)
    ]
    return pd.DataFrame(rows, columns=["backbone", "seconds per image", "metric", "score", "±", "on the front"])


def image_scores(group: tuple[CellResult, ...], metric: str) -> Scores:
    """The score (D, N) of every draw and test image by itself, in per cent; NaN where it has none."""
    definition = find_metric(metric)
    scored = definition.scored(group[0].classes, group[0].excluded)
    confusions = [result.confusion for result in group if result.confusion is not None]
    rows = [[definition.pooling.score(image[None], scored) for image in confusion] for confusion in confusions]
    return 100 * np.array(rows)


@dataclass(frozen=True)
class ReconstructionScores:
    """Reconstruction error and IoU of each test image, for one backbone."""

    key: Key
    errors: Scores
    """(N,), root mean square."""
    scores: Scores
    """(N,), per cent, mean over draws."""
    rho: float
    """Spearman's rank correlation of the two; NaN for fewer than three images."""
    p: float


def reconstructions(content: RunData) -> list[ReconstructionScores]:
    """Of every backbone that images enter by inversion, best first."""
    return [found for key in content.best_heads() if (found := _reconstruction(content, key)) is not None]


def _reconstruction(content: RunData, key: Key) -> ReconstructionScores | None:
    from scipy.stats import spearmanr

    source = content.facts.sources.get(key[0])
    if source is None or source.errors is None:
        return None
    errors, scores = np.array(source.errors), image_scores(content.groups[key], content.metrics[0]).mean(0)
    both = ~np.isnan(scores)
    rho = p = float("nan")
    if both.sum() > 2 and len({*errors[both]}) > 1 and len({*scores[both]}) > 1:
        rho, p = (float(value) for value in spearmanr(errors[both], scores[both]))
    return ReconstructionScores(key, errors, scores, rho, p)


def reconstruction_table(found: Sequence[ReconstructionScores]) -> pd.DataFrame:
    rows = [
        (*one.key, image + 1, float(error), float(score))
        for one in found
        for image, (error, score) in enumerate(zip(one.errors, one.scores, strict=True))
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "image", "reconstruction error", "score"])


def image_table(content: RunData) -> pd.DataFrame:
    """The score of every test image by itself, a row per cell and image."""
    rows = [
        (*key, result.cell.draw, image + 1, float(score))
        for key, group in content.groups.items()
        for result, scores in zip(group, image_scores(group, content.metrics[0]), strict=True)
        for image, score in enumerate(scores)
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "draw", "image", content.metrics[0]])
