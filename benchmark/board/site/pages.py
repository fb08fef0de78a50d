"""The pages of a board as text: every name is data, and nothing is loaded but the site's own files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ...metrics.definitions import find_metric
from ...paper.reported_scores import NOTE as REPORTED_NOTE
from ...plan import NO_HEAD
from ...report.leaderboard_views import Score
from .curve import Curve, Point, learning_curve
from .entries import METRICS, SiteEntry
from .tables import RANKED, SiteRow, SiteTable, SiteView

SHARED = {"site.css": "page.css", "site.js": "elements.js"}
"""What a file of the site begins with: a report's."""
SHOWN = 50
"""Rows of a table at a time."""
Offers = Sequence[tuple[SiteTable, SiteEntry]]
"""The entries of one backbone and weights, by the tables that they are in."""


@dataclass(frozen=True)
class BackboneLine:
    """A backbone among all of the board's."""

    page: str
    name: str
    """With its weights, where another has the same name."""
    entry: SiteEntry
    """In the first of its tables."""
    tables: int


@cache
def environment() -> Environment:
    found = Environment(
        loader=PackageLoader("partbench.benchmark.board.site", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"metrics": METRICS, "find_metric": find_metric, "no_head": NO_HEAD, "ranked": RANKED}
    found.filters["soft"] = re.compile("(?<=[:@+,/_-])").split
    found.globals |= {"shown": SHOWN, "reported_note": REPORTED_NOTE, "rank_text": _rank_text, "bar": _bar}
    return found


def asset(name: str) -> str:
    """A style or a script of the site; the first of each begins with what a report has too."""
    own = files("partbench.benchmark.board.site").joinpath(name).read_text(encoding="utf-8")
    if name not in SHARED:
        return own
    first = files("partbench.benchmark.report").joinpath(SHARED[name]).read_text(encoding="utf-8")
    return f"{first}\n{own}"


def index_page(tables: Sequence[SiteTable], lines: Sequence[BackboneLine]) -> str:
    """What the board has: its tables and its backbones."""
    data = {"lines": [_line_data(line) for line in lines], "shown": SHOWN}
    return environment().get_template("index.html").render(root="", tables=tables, lines=lines, data=data)


def table_page(table: SiteTable) -> str:
    """One table, in the view that most backbones are in."""
    view = table.views[0]
    span = _span(view)
    return (
        environment()
        .get_template("table.html")
        .render(root="../", t=table, view=view, metric=METRICS[0], span=span, data=_table_data(table))
    )


def backbone_page(line: BackboneLine, offers: Offers) -> str:
    """One backbone and weights: all of its tables, its curves, its provenance, and the commands."""
    parts = [
        {"table": table, "entry": entry, "rows": table.rows_of[entry.name], "curve": _curve(table, entry)}
        for table, entry in offers
    ]
    return environment().get_template("backbone.html").render(root="../", line=line, parts=parts, metric=METRICS[0])


def compare_page(tables: Sequence[SiteTable], lines: Sequence[BackboneLine]) -> str:
    """Two backbones, chosen by who reads it; it opens with the best two of the first table."""
    rows = sorted(tables[0].views[0].rows, key=lambda row: row.entry.control)  # each half as it was: the highest first
    first = [*dict.fromkeys(row.entry.page for row in rows if not row.unconverged)][:2]
    data = {"names": [[line.page, line.name] for line in lines], "metric": METRICS[0], "first": first}
    return environment().get_template("compare.html").render(root="", data=data, metric=METRICS[0])


def pair_script(line: BackboneLine, offers: Offers) -> str:
    """What the page that compares reads of a backbone; a script, since no page may read files of a folder."""
    tables = [
        {"table": t.page, "title": t.title, "entry": entry.name, "scores": t.packed[entry.name]} for t, entry in offers
    ]
    record = json.dumps({"name": line.name, "tables": tables}, separators=(",", ":"), allow_nan=False)
    return f"partbench.take({json.dumps(line.page)},{record});\n"


def _curve(table: SiteTable, entry: SiteEntry) -> Curve | None:
    lines: dict[str, list[Point]] = {}
    for view, row in table.rows_of[entry.name]:
        score = row.scores[METRICS[0]]
        points = lines.setdefault(row.head, [])
        if score.is_number and all(view.shots != shots for shots, _, _ in points):
            points.append((view.shots, score.mean, 0.0 if math.isnan(score.half) else score.half))
    return learning_curve({head: points for head, points in lines.items() if points})


def _span(view: SiteView) -> tuple[int, int]:
    """The range of the intervals in tens; the script draws the same."""
    scores = [row.scores[METRICS[0]] for row in view.rows if row.scores[METRICS[0]].is_number]
    low = min((one.mean - _half(one) for one in scores), default=0.0)
    high = max((one.mean + _half(one) for one in scores), default=100.0)
    start = 10 * math.floor(max(0.0, low) / 10)
    return start, max(start + 10, 10 * math.ceil(min(100.0, high) / 10))


def _half(score: Score) -> float:
    return 0.0 if math.isnan(score.half) else score.half


def _bar(score: Score, span: tuple[int, int]) -> str:
    """The places of an interval on its axis, as style."""
    low, width = span[0], span[1] - span[0]
    places = {"low": score.mean - _half(score), "high": score.mean + _half(score), "at": score.mean}
    return ";".join(f"--{name}:{100 * (value - low) / width:.2f}%" for name, value in places.items())


def _rank_text(score: Score) -> str:
    return str(score.rank).replace("-", "–") if score.rank else "–"


def _line_data(line: BackboneLine) -> list[Any]:
    e = line.entry
    return [line.name, line.page, e.family, e.licence, e.millions, e.milliseconds, int(e.control), line.tables]


def _table_data(table: SiteTable) -> dict[str, Any]:
    """What the script of a table reads."""
    places = {entry.name: i for i, entry in enumerate(table.entries)}
    return {
        "metrics": [[m, find_metric(m).formula, find_metric(m).source] for m in METRICS],
        "entries": [_entry_data(entry) for entry in table.entries],
        "views": [{"head": v.head, "shots": v.shots, "rows": _view_data(v, places)} for v in table.views],
        "shown": SHOWN,
        "ranked": RANKED,
    }


def _entry_data(e: SiteEntry) -> list[Any]:
    costs = [e.millions, e.milliseconds]
    return [e.name, e.page, e.family, e.licence, *costs, int(e.control), e.by, e.date, int(e.reproduced)]


def _view_data(view: SiteView, places: Mapping[str, int]) -> list[list[Any]]:
    return [[places[row.entry.name], row.draws, row.unconverged, *_score_data(row)] for row in view.rows]


def _score_data(row: SiteRow) -> list[Any]:
    found: list[Any] = []
    for metric in METRICS:
        score = row.scores[metric]
        rank = [score.rank.best, score.rank.worst] if score.rank else [None, None]
        found += [None if math.isnan(v) else round(v, 3) for v in (score.mean, score.half)] + rank
    return found
