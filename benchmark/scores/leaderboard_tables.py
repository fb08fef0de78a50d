"""Leaderboards as tables for people and for programs: backbones down, heads across, one block per number of shots."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pandas as pd

from ... import counted
from ..plan import NO_HEAD
from .convergence import MARK, NOT_CONVERGED
from .leaderboard import KEYS, class_columns, ranked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from ..metrics.significance import Rank

SPECIAL = re.compile(r"[^\w\s.,:;+±()/@%-]|(?<![^\W_])_|_(?![^\W_])")
"""What Markdown or HTML might read as more than itself."""
FORMATS = ("table", "csv", "md", "json")


def score_text(mean: float, half_width: float) -> str:
    """`54.3±2.1`, or `54.3±12`, since a wide interval needs no tenths; without one where it is not known."""
    if pd.isna(mean):
        return "-"
    if pd.isna(half_width):
        return f"{mean:.1f}"
    return f"{mean:.1f}±{half_width:.{1 if half_width < 9.95 else 0}f}"


def score_table(summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Score texts by (shots, backbone) and head, with a mark where heads did not converge.

    A backbone without heads stands under every one of them.
    """
    columns = summary[metric], summary[f"{metric} ±"], summary[NOT_CONVERGED].fillna(0)
    texts = summary.assign(text=[score_text(m, h) + MARK * bool(n) for m, h, n in zip(*columns, strict=True)])
    heads = [h for h in texts["head"].unique() if h != NO_HEAD]
    wide = texts.pivot_table(index=["shots", "backbone"], columns="head", values="text", aggfunc="first", sort=False)
    if NO_HEAD in wide:
        for head in heads:
            wide[head] = wide[head].fillna(wide[NO_HEAD])
    shots = sorted(texts["shots"].unique())
    order = [(s, b) for s in shots for b in ranked(summary[summary["shots"] == s], metric)]
    return wide.reindex([key for key in order if key in wide.index])[heads or [NO_HEAD]].fillna("")


def rich_score_table(summary: pd.DataFrame, metric: str, places: Mapping[int, Mapping[str, Rank]]) -> Table:
    """The crossing as a table for the terminal; in bold what cannot be told from the best of its head and shots.

    `places` are the ranks of the backbones with so many shots. The paper's six heads with their intervals take 80
    columns, so the shots stand above their block, not beside it.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    wide = score_table(summary, metric)
    heads = [str(head) for head in wide.columns]
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    table.add_column("backbone", overflow="fold")
    table.add_column("rank")
    for head in heads:
        table.add_column("" if head == NO_HEAD else head, justify="right", overflow="fold")
    for shots in dict.fromkeys(int(s) for s in wide.index.get_level_values("shots")):
        table.add_row(f"[dim]{counted(shots, 'shot')}[/]")
        leading = {head: _leading(summary, metric, shots, head) for head in heads}
        for backbone, row in wide.loc[shots].iterrows():
            texts = [f"[bold]{row[h]}[/]" if backbone in leading[h] else str(row[h]) for h in heads]
            table.add_row(escape(str(backbone)), str(places.get(shots, {}).get(str(backbone), "")), *texts)
        table.add_section()
    return table


def _leading(summary: pd.DataFrame, metric: str, shots: int, head: str) -> set[str]:
    """Backbones that cannot be told from the best."""
    rows = summary[(summary["shots"] == shots) & summary["head"].isin([head, NO_HEAD])]
    return set(rows.loc[rows[f"{metric} rank"].str.partition("-")[0] == "1", "backbone"])


def class_table(table: pd.DataFrame) -> pd.DataFrame:
    """Mean IoU of every class per backbone, head and shots."""
    columns = class_columns(table)
    means = table.groupby(KEYS, sort=False)[columns].mean().reset_index()
    names = {c: c.removeprefix("iou:") for c in columns}
    return means.rename(columns={c: name for c, name in names.items() if name not in KEYS})  # a horse has a "head"


def as_text(summary: pd.DataFrame, kind: str) -> str:
    """A long table as CSV, Markdown or JSON."""
    rounded = summary.round(3)
    if kind == "csv":
        return rounded.to_csv(index=False)
    if kind == "json":
        return json.dumps(json.loads(rounded.to_json(orient="records")), indent=1)
    header = "| " + " | ".join(map(markdown, map(str, rounded.columns))) + " |"
    rule = "|" + "---|" * len(rounded.columns)
    rows = ["| " + " | ".join(_cell(v) for v in row) + " |" for row in rounded.itertuples(index=False)]
    return "\n".join([header, rule, *rows])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.1f}"
    return "" if value is pd.NA else markdown(str(value))


def markdown(text: str) -> str:
    """Text in which nothing is markup, on one line."""
    return SPECIAL.sub(lambda match: f"&#{ord(match[0])};", " ".join(text.split()))
