"""The page of a report: one HTML file that loads nothing, in which every name is data."""

from __future__ import annotations

import math
import shlex
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ... import counted
from ..metrics.definitions import find_metric
from ..paper.reported_scores import NOTE as REPORTED_NOTE
from ..pictures import PALETTE
from .figure_style import RenderedFigure, inline
from .image_strips import ImageStrips
from .leaderboard_views import MEAN, LeaderboardLine, leaders
from .page_data import ReportData, payload, strip_places
from .run_command import run_command
from .run_data import RunData, is_control


def render(material: ReportData, pictures: Sequence[RenderedFigure], tables: Sequence[str]) -> str:
    """The page as text, with the names of the tables beside it."""
    script, content, first = asset("elements.js") + asset("page.js"), material.content, material.first
    metric, drawn = content.metrics[0], {picture.name: picture for picture in pictures}
    return (
        environment()
        .get_template("page.html")
        .render(
            c=content,
            metric=metric,
            definitions={name: find_metric(name) for name in content.offered},
            style=Markup(asset("page.css") + _strip_rules(material.gallery)),
            script=Markup(script),
            script_hash=b64encode(sha256(script.encode()).digest()).decode(),
            data=payload(material),
            first=first,
            span=_span(first, metric),
            mean=MEAN,
            leaders=leaders(first, metric),
            control=next((line for line in first if is_control(line.backbone) and line.scores[metric].is_number), None),
            is_control=is_control,
            reported_note=REPORTED_NOTE,
            charts={name: Markup(inline(picture)) for name, picture in drawn.items() if _on_page(name)},
            gallery=material.gallery,
            best={key[0]: key for key in content.best_heads()},
            reconstructions=material.reconstructions,
            rebuilt=_rebuilt(material),
            legend=[(name, _colour(i)) for i, name in enumerate(content.classes)],
            failures=_failures(content),
            run_command=run_command(content.plan),
            run_folder=shlex.quote(str(content.path)),
            tables=tables,
            figures=sorted(drawn),
        )
    )


def environment() -> Environment:
    """Where the templates are, in which every name is data."""
    found = Environment(
        loader=PackageLoader("partbench.benchmark.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["counted"] = counted
    return found


def asset(name: str) -> str:
    """A style or a script beside this file."""
    return files("partbench.benchmark.report").joinpath(name).read_text(encoding="utf-8")


def _on_page(name: str) -> bool:
    return name.startswith(("shots-", "heads-", "cost-", "reconstruction-scores"))


def _span(lines: Sequence[LeaderboardLine], metric: str) -> tuple[int, int]:
    """The range of the scores' intervals, in tens."""
    scores = [line.scores[metric] for line in lines if line.scores[metric].is_number]
    halves = [score.half if score.half == score.half else 0 for score in scores]
    low = min((score.mean - half for score, half in zip(scores, halves, strict=True)), default=0)
    high = max((score.mean + half for score, half in zip(scores, halves, strict=True)), default=100)
    return 10 * math.floor(max(0, low) / 10), 10 * math.ceil(max(10, min(100, high)) / 10)


def _colour(place: int) -> str:
    return "#{:02x}{:02x}{:02x}".format(*PALETTE[place % len(PALETTE)])


def _failures(content: RunData) -> list[tuple[str, list[str]]]:
    """Every reason with its cells."""
    reasons: dict[str, list[str]] = {}
    for result in content.failed:
        reasons.setdefault(result.error or "", []).append(result.cell.slug)
    return list(reasons.items())


def _strip_rules(gallery: ImageStrips | None) -> str:
    """A CSS class for every strip."""
    if gallery is None:
        return ""
    rules = [f".strip-{i}{{--picture:url(data:image/png;base64,{png})}}" for i, png in enumerate(strip_places(gallery))]
    rules.append(":root{--truth:url(data:image/png;base64," + gallery.truth + ")}")
    return "\n".join(rules)


def _rebuilt(material: ReportData) -> list[dict[str, Any]]:
    """The rows of pictures of every backbone that rebuilds images, the worst first."""
    if material.gallery is None:
        return []
    by_backbone, places = {one.key[0]: one for one in material.reconstructions}, strip_places(material.gallery)
    out = []
    for one in material.gallery.rebuilt:
        numbers = by_backbone.get(one.backbone)
        order = sorted(range(one.count), key=lambda i: -float(numbers.errors[i]) if numbers else 0)
        strips = {"original": one.original, "reconstruction": one.rebuilt, "error": one.error}
        rows = {name: places[png] for name, png in strips.items()}
        out.append({"backbone": one.backbone, "count": one.count, "order": order, "rows": rows, "numbers": numbers})
    return out
