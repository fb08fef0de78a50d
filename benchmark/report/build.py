"""Builds a report: the page, its figures and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..files import write_atomic
from .breakdowns import (
    class_scores,
    class_table,
    confusion_table,
    cost_table,
    costs,
    image_table,
    pooled,
    reconstruction_table,
    reconstructions,
)
from .charts import chart_board, chart_costs, chart_heads, chart_shots
from .detail_charts import chart_classes, chart_confusion, chart_predictions, chart_rebuilt, chart_reconstructions
from .figure_style import RenderedFigure, drawing
from .image_strips import ImageStrips, read_gallery
from .leaderboard_views import MEAN, LeaderboardLine, entries, table
from .page import render
from .page_data import ReportData
from .run_data import RunData
from .table_formats import write_tables

PAGE = "index.html"


@dataclass(frozen=True)
class ReportFiles:
    """The files of a report."""

    page: Path
    figures: list[Path]
    tables: list[Path]


def make(content: RunData, out: Path) -> ReportFiles:
    """Write the report of a run into a folder."""
    material = collect(content)
    pictures, tables = draw(material), tables_of(material)
    write_atomic(out / PAGE, render(material, pictures, list(tables)).encode())
    return ReportFiles(out / PAGE, _write_figures(out / "figures", pictures), write_tables(out / "tables", tables))


def collect(content: RunData) -> ReportData:
    """Compute all data of a run's report."""
    return ReportData(
        content,
        lines=entries(content),
        classes=class_scores(content),
        confusions=pooled(content),
        reconstructions=reconstructions(content),
        gallery=read_gallery(content),
    )


def tables_of(material: ReportData) -> dict[str, pd.DataFrame]:
    """Every table by its name."""
    content = material.content
    return {
        "leaderboard": table(material.lines),
        "classes": class_table(content, material.classes),
        "confusions": confusion_table(content, material.confusions),
        "images": image_table(content),
        "costs": cost_table(content, material.lines),
        "reconstructions": reconstruction_table(material.reconstructions),
    }


def draw(material: ReportData) -> list[RenderedFigure]:
    """Every figure."""
    content, best = material.content, material.content.best_heads()
    with drawing():
        pictures = [*_by_metric(content, material.lines), *_gallery_charts(content, material.gallery)]
        pictures += [chart_classes(content, best, material.classes)] if best else []
        pictures += [chart_confusion(content, key, material.confusions[key]) for key in best]
        if material.reconstructions:
            pictures.append(chart_reconstructions(content, material.reconstructions))
    return pictures


def _by_metric(content: RunData, lines: Sequence[LeaderboardLine]) -> list[RenderedFigure]:
    """The charts that there are of every metric that was asked for."""
    view, most = lines[0].view, content.most
    first = [line for line in lines if line.view == view]
    pictures = []
    for metric in content.metrics:
        board = [line for line in first if line.shots == most]
        pictures += [chart_board(content, board, metric), chart_shots(content, first, metric)]
        if view == MEAN and content.heads:
            pictures.append(chart_heads(content, [line for line in lines if line.view != MEAN], metric))
        if found := costs(content, lines, metric):
            pictures.append(chart_costs(content, found, metric))
    return pictures


def _gallery_charts(content: RunData, gallery: ImageStrips | None) -> list[RenderedFigure]:
    if gallery is None:
        return []
    predictions = chart_predictions(content, gallery)
    return [
        *([predictions] if predictions else []),
        *(chart_rebuilt(gallery, one.backbone) for one in gallery.rebuilt),
    ]


def _write_figures(folder: Path, pictures: Sequence[RenderedFigure]) -> list[Path]:
    written = []
    for picture in pictures:
        for suffix, data in (("svg", picture.svg), ("png", picture.png)):
            file = folder / f"{picture.name}.{suffix}"
            write_atomic(file, data)
            written.append(file)
    return written
