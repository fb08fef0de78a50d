"""Accuracy against cost: scores of a run with the throughput of its backbones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ... import one_line
from ..files import UNREADABLE
from ..results import CellResult, ResultError
from .leaderboard import by_backbone, trusted_estimates

STAGE = "all"
"""From an image to its maps."""
PRECISION = "float32"


@dataclass(frozen=True)
class BackboneCost:
    """Time, memory and size of a backbone's feature extraction."""

    images_per_second: float
    batch: int
    """Images at once, of which it is the speed."""
    gflop: float | None
    """Per image, in 10^9 operations."""
    parameters: int | None


def read_costs(path: Path, batch: int | None = None) -> dict[str, BackboneCost]:
    """The costs in a file of `partbench throughput --out`, at one batch; by default the fastest of each backbone.

    Those in float32, as scores are.
    """
    try:
        record = json.loads(path.read_text())
        found = {one["backbone"]: _cost(one, batch) for one in record["backbones"]}
    except UNREADABLE as error:
        raise ResultError(
            f"{path} is no file of partbench throughput --out ({one_line(error)}); measure again"
        ) from None
    return {name: cost for name, cost in found.items() if cost}


def was_stopped(path: Path) -> bool:
    """Whether a file that `read_costs` takes is of a measurement that did not come to its end."""
    return json.loads(path.read_text()).get("complete") is False


def _cost(one: Mapping[str, Any], batch: int | None) -> BackboneCost | None:
    stages = [t for t in one["timings"] if t["stage"] == STAGE and t["error"] is None and t["precision"] == PRECISION]
    stages = [t for t in stages if batch is None or t["batch"] == batch]
    if not stages:
        return None
    best = max(stages, key=lambda t: t["images per second"])
    gflop = best["flops"] / best["batch"] / 1e9 if best["flops"] else None
    return BackboneCost(best["images per second"], best["batch"], gflop, one["parameters"])


def cost_table(results: Sequence[CellResult], costs: Mapping[str, BackboneCost], metric: str) -> pd.DataFrame:
    """Score, averaged over heads and shots, and cost of every backbone; best score first.

    `front` marks those that no other beats in both score and speed.
    """
    rows = []
    for name, score in by_backbone(trusted_estimates(results, metric)).items():
        cost = costs.get(name)
        speed = cost.images_per_second if cost else float("nan")
        millions = cost.parameters / 1e6 if cost and cost.parameters is not None else float("nan")
        gflop = cost.gflop if cost and cost.gflop else float("nan")
        batch = cost.batch if cost else None
        rows.append((name, score.mean, score.half_width(), speed, batch, gflop, millions))
    columns = ["backbone", metric, f"{metric} ±", "images/s", "batch", "GFLOP/image", "parameters, M"]
    table = pd.DataFrame(rows, columns=columns).astype({"batch": "Int64"})
    table = table.sort_values(metric, ascending=False, ignore_index=True)
    return table.assign(front=_front(table[metric], table["images/s"]))


def _front(score: pd.Series[float], speed: pd.Series[float]) -> list[bool]:
    """Which points are on the Pareto front; one whose speed is not known is not."""
    pairs = list(zip(score, speed, strict=True))
    beaten = [any(s >= mine and w >= v and (s, w) != (mine, v) for s, w in pairs) for mine, v in pairs]
    return [not worse and not pd.isna(v) for worse, (_, v) in zip(beaten, pairs, strict=True)]
