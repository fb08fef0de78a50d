"""Everything on a board as one long table, for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isnan
from typing import Any

import pandas as pd

from ...plan import NO_HEAD
from ...scores.convergence import NOT_CONVERGED
from .entries import SiteEntry
from .tables import SiteRow, SiteTable, SiteView

WHOLE = ("parameters", "best rank", "worst rank", "shots", "draws", "images", NOT_CONVERGED)
"""Columns of whole numbers, of which some may be missing."""


def everything(tables: Iterable[SiteTable]) -> pd.DataFrame:
    """A row per table, entry, head, number of shots and metric.

    `ranked among` is the head whose scores a rank is among; what takes no head has a row for each, with the same score.
    """
    rows = [row for table in tables for row in _rows(table)]
    return pd.DataFrame(rows).astype(dict.fromkeys(WHOLE, "Int64"))


def as_compact_json(table: pd.DataFrame) -> bytes:
    """The names of the columns once, and a list for each row; what is not known is null."""
    return table.to_json(orient="split", index=False, double_precision=15, force_ascii=False).encode()


def _rows(table: SiteTable) -> Iterator[dict[str, Any]]:
    for view in table.views:
        for row in view.rows:
            shared = {**_place(table, view), **_about(row.entry), **_cells(table, view, row)}
            for metric, score in row.scores.items():
                rank = score.rank
                yield {
                    **shared,
                    "metric": metric,
                    "score": None if isnan(score.mean) else score.mean,
                    "±": None if isnan(score.half) else score.half,
                    "best rank": rank.best if rank else None,
                    "worst rank": rank.worst if rank else None,
                }


def _place(table: SiteTable, view: SiteView) -> dict[str, Any]:
    return {"dataset": table.name, "data": table.dataset, "protocol": table.protocol, "ranked among": view.head}


def _about(entry: SiteEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "backbone": entry.backbone,
        "weights": entry.weights,
        "family": entry.family,
        "control": entry.control,
        "licence": entry.licence,
        "submitted by": entry.by,
        "date": entry.date,
        "reproduced": entry.reproduced,
        "parameters": entry.parameters,
        "seconds per image": entry.seconds,
        "submissions": "; ".join(one.folder for one in entry.submissions),
    }


def _cells(table: SiteTable, view: SiteView, row: SiteRow) -> dict[str, Any]:
    return {
        "head": row.head if row.head != NO_HEAD else None,
        "shots": view.shots,
        "draws": row.draws,
        "images": table.images,
        NOT_CONVERGED: row.unconverged,
    }
