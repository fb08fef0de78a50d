"""The leaderboard: cells become rows, rows become tables; nothing is run, no plugin is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from .iou import METRICS, per_class
from .results import CellResult

KEYS = ["backbone", "head", "shots"]


def frame(results: Iterable[CellResult]) -> pd.DataFrame:
    """One row per scored cell: its keys, every metric in per cent, the IoU of every class."""
    rows = [_row(r) for r in results if r.counts is not None]
    return pd.DataFrame(rows, columns=None if rows else [*KEYS, "draw", *METRICS])


def _row(result: CellResult) -> dict[str, Any]:
    assert result.counts is not None
    cell = result.cell
    row: dict[str, Any] = {"backbone": cell.backbone, "head": cell.head, "shots": cell.shots, "draw": cell.draw}
    row |= {name: 100 * metric(result.counts, result.scored) for name, metric in METRICS.items()}
    iou = per_class(result.counts)
    return row | {f"iou:{name}": 100 * float(value) for name, value in zip(result.classes, iou, strict=True)}


def half_width(values: NDArray[np.float64]) -> float:
    """Half the 95 % interval of a mean over draws (Student's t); NaN for a single one."""
    count = len(values)
    if count < 2:
        return float("nan")
    return float(stdtrit(count - 1, 0.975) * values.std(ddof=1) / np.sqrt(count))


def summarise(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Mean over draws and half-width of its 95 % interval, per backbone, head and shots."""
    grouped = table.groupby(KEYS, sort=False)
    out = grouped[list(columns)].mean()
    for column in columns:
        out[f"{column} ±"] = grouped[column].apply(lambda v: half_width(v.to_numpy()))
    out["draws"] = grouped.size()
    return out.reset_index()


def ranked(summary: pd.DataFrame, metric: str) -> list[str]:
    """Backbones, best mean over heads and shots first."""
    return list(summary.groupby("backbone")[metric].mean().sort_values(ascending=False).index)


def class_columns(table: pd.DataFrame) -> list[str]:
    return [c for c in table.columns if c.startswith("iou:")]


def paired_difference(table: pd.DataFrame, metric: str, a: str, b: str) -> NDArray[np.float64]:
    """Score of backbone `a` less that of `b` per head, shots and draw: the same shots, the same images."""
    wide = table.pivot_table(index=["head", "shots", "draw"], columns="backbone", values=metric)
    return (wide[a] - wide[b]).dropna().to_numpy()
