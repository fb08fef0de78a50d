"""Leaderboards as tables for people and for programs: backbones down, heads across, one block per number of shots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from .leaderboard import class_columns, ranked, summarise
from .plan import NO_HEAD

if TYPE_CHECKING:
    from rich.table import Table

FORMATS = ("table", "csv", "md", "json")


def score_text(mean: float, half_width: float) -> str:
    """`54.3±2.1`; without an interval where there is one draw only."""
    if pd.isna(mean):
        return "-"
    return f"{mean:.1f}" if pd.isna(half_width) else f"{mean:.1f}±{half_width:.1f}"


def crossing(summary: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Score texts by (shots, backbone) and head; a backbone without heads stands under every one of them."""
    texts = summary.assign(text=[score_text(m, h) for m, h in zip(summary[metric], summary[f"{metric} ±"], strict=True)])
    heads = [h for h in texts["head"].unique() if h != NO_HEAD]
    wide = texts.pivot_table(index=["shots", "backbone"], columns="head", values="text", aggfunc="first", sort=False)
    if NO_HEAD in wide:
        for head in heads:
            wide[head] = wide[head].fillna(wide[NO_HEAD])
    order = [(s, b) for s in sorted(texts["shots"].unique()) for b in ranked(summary[summary["shots"] == s], metric)]
    return wide.reindex([key for key in order if key in wide.index])[heads or [NO_HEAD]].fillna("")


def rich_crossing(summary: pd.DataFrame, metric: str, title: str) -> Table:
    """The crossing as a table for the terminal, the best of every head and number of shots in bold."""
    from rich import box
    from rich.table import Table

    wide = crossing(summary, metric)
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 0), pad_edge=False, title_justify="left", title_style="bold")
    table.add_column("shots", justify="right")
    table.add_column(" backbone", no_wrap=True)
    for head in wide.columns:
        table.add_column(f" {head}", justify="right", no_wrap=True)
    for shots, block in wide.groupby(level="shots", sort=False):
        best = {head: _best(summary, metric, int(str(shots)), head) for head in wide.columns}
        for i, ((_, backbone), row) in enumerate(block.iterrows()):
            texts = [f"[bold]{row[h]}[/]" if best[h] == backbone else row[h] for h in wide.columns]
            table.add_row(str(shots) if i == 0 else "", f" {_plain(str(backbone))}", *texts)
        table.add_section()
    return table


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _best(summary: pd.DataFrame, metric: str, shots: int, head: str) -> str:
    rows = summary[(summary["shots"] == shots) & summary["head"].isin([head, NO_HEAD])].dropna(subset=[metric])
    return "" if rows.empty else str(rows.loc[rows[metric].idxmax(), "backbone"])


def class_table(table: pd.DataFrame, names: Sequence[str] = ()) -> pd.DataFrame:
    """Mean IoU of every class per backbone, head and shots."""
    columns = class_columns(table)
    summary = summarise(table, columns)[["backbone", "head", "shots", *columns]]
    return summary.rename(columns={c: c.removeprefix("iou:") for c in columns})


def as_text(summary: pd.DataFrame, kind: str) -> str:
    """A long table as CSV, Markdown or JSON."""
    rounded = summary.round(3)
    if kind == "csv":
        return rounded.to_csv(index=False)
    if kind == "json":
        return json.dumps(json.loads(rounded.to_json(orient="records")), indent=1)
    header = "| " + " | ".join(map(str, rounded.columns)) + " |"
    rule = "|" + "---|" * len(rounded.columns)
    rows = ["| " + " | ".join(_cell(v) for v in row) + " |" for row in rounded.itertuples(index=False)]
    return "\n".join([header, rule, *rows])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.1f}"
    return str(value).replace("|", "\\|")
