"""The data of a report's page, and the JSON that its script reads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..metrics.confusion import Confusion, Scores
from ..metrics.definitions import find_metric
from ..plan import NO_HEAD
from ..results import Key
from .breakdowns import ReconstructionScores, shares
from .image_strips import ImageStrips
from .leaderboard_views import MEAN, LeaderboardLine
from .run_data import RunData, is_control

MOST_SHARES = 400_000
"""Shares of confusions that a page may hold; of more classes it holds the best heads alone."""


@dataclass(frozen=True)
class ReportData:
    """All data of a report's page."""

    content: RunData
    lines: Sequence[LeaderboardLine]
    classes: Mapping[Key, Scores]
    confusions: Mapping[Key, Confusion]
    reconstructions: Sequence[ReconstructionScores]
    gallery: ImageStrips | None

    @property
    def first(self) -> list[LeaderboardLine]:
        """The view that the page opens with: the first, with most shots."""
        view, shots = self.lines[0].view, self.content.most
        return [line for line in self.lines if line.view == view and line.shots == shots]


def strip_places(gallery: ImageStrips) -> dict[str, int]:
    """The place of every strip; one that two backbones share is there once."""
    rebuilt = [png for one in gallery.rebuilt for png in (one.original, one.rebuilt, one.error)]
    every = dict.fromkeys((gallery.images, gallery.truth, *gallery.predictions.values(), *rebuilt))
    return {png: i for i, png in enumerate(every)}


def payload(material: ReportData) -> dict[str, Any]:
    """What the page's script reads: the leaderboard by every metric, classes, confusions, predictions."""
    content = material.content
    backbone = {name: i for i, name in enumerate(content.backbones)}
    head = {NO_HEAD: -1, MEAN: -1} | {name: i for i, name in enumerate(content.heads)}
    data = {
        "metrics": [_metric(name, content) for name in content.offered],
        "backbones": [_backbone(name, content) for name in content.backbones],
        "heads": content.heads,
        "shots": content.shots,
        "classes": content.classes,
        "board": [_line(line, content.offered, backbone, head) for line in material.lines],
        "groups": [_group(key, material, backbone, head) for key in content.groups],
        "images": material.gallery.count if material.gallery else 0,
        "pictures": strip_places(material.gallery)[material.gallery.images] if material.gallery else None,
        "truth": strip_places(material.gallery)[material.gallery.truth] if material.gallery else None,
    }
    return json.loads(json.dumps(data, default=float), parse_constant=lambda _: None)  # type: ignore[no-any-return]


def _metric(name: str, content: RunData) -> dict[str, Any]:
    metric = find_metric(name)
    return {"name": name, "formula": metric.formula, "source": metric.source, "drawn": name in content.metrics}


def _backbone(name: str, content: RunData) -> dict[str, Any]:
    source = content.facts.sources.get(name)
    ms = None if source is None or source.seconds is None else round(1000 * source.seconds, 3)
    return {"name": name, "control": is_control(name), "ms": ms}


def _line(
    line: LeaderboardLine, metrics: Sequence[str], backbone: Mapping[str, int], head: Mapping[str, int]
) -> dict[str, Any]:
    scores = []
    for metric in metrics:
        score = line.scores[metric]
        places = [score.rank.best, score.rank.worst] if score.rank else [None, None]
        scores.append([round(score.mean, 3), round(score.half, 3), *places])
    return {
        "b": backbone[line.backbone], "v": head[line.view], "s": line.shots,
        "n": line.heads, "d": line.draws, "u": line.unconverged, "x": scores,
    }  # fmt: skip


def _group(key: Key, material: ReportData, backbone: Mapping[str, int], head: Mapping[str, int]) -> dict[str, Any]:
    content, gallery = material.content, material.gallery
    small = len(content.groups) * len(content.classes) ** 2 <= MOST_SHARES
    included = small or content.best_head(key[0], key[2]) == key
    percentages = (10 * shares(material.confusions[key])).round() if included else None
    strip = gallery.predictions.get(key) if gallery else None
    return {
        "b": backbone[key[0]],
        "h": head[key[1]],
        "s": key[2],
        "t": content.estimates[content.metrics[0]][key].mean,
        "c": material.classes[key].round(1).tolist(),
        "m": None if percentages is None else [None if math.isnan(share) else int(share) for share in percentages.flat],
        "p": strip_places(gallery)[strip] if gallery and strip else None,
        "i": [round(score, 1) for score in gallery.scores[key]] if gallery and strip else None,
        "n": len(gallery.pictures[key[0]]["images"]) if gallery and strip else 0,
    }
