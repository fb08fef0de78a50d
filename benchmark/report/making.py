"""The making of a report: figures and tables beside a page that needs none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..results import write_atomic
from . import details
from .board import MEAN, Entry, entries, table
from .charts import chart_board, chart_costs, chart_heads, chart_shots
from .closeups import chart_classes, chart_confusion, chart_predictions, chart_rebuilt, chart_reconstructions
from .content import Content
from .exports import write_tables
from .figures import Picture, drawing
from .page import render
from .payload import Material
from .strips import Gallery, read_gallery

PAGE = "index.html"


@dataclass(frozen=True)
class Made:
    """Where the parts of a report lie."""

    page: Path
    figures: list[Path]
    tables: list[Path]


def make(content: Content, out: Path) -> Made:
    """Write the report of a run into a folder."""
    material = collect(content)
    pictures, tables = draw(material), tables_of(material)
    write_atomic(out / PAGE, render(material, pictures, list(tables)).encode())
    return Made(out / PAGE, _write_figures(out / "figures", pictures), write_tables(out / "tables", tables))


def collect(content: Content) -> Material:
    """All that the report of a run tells, in numbers."""
    return Material(
        content,
        lines=entries(content),
        classes=details.class_scores(content),
        confusions=details.pooled(content),
        reconstructions=details.reconstructions(content),
        gallery=read_gallery(content),
    )


def tables_of(material: Material) -> dict[str, pd.DataFrame]:
    """Every table by its name."""
    content = material.content
    return {
        "leaderboard": table(material.lines),
        "classes": details.class_table(content, material.classes),
        "confusions": details.confusion_table(content, material.confusions),
        "images": details.image_table(content),
        "costs": details.cost_table(content, material.lines),
        "reconstructions": details.reconstruction_table(material.reconstructions),
    }


def draw(material: Material) -> list[Picture]:
    """Every figure."""
    content, best = material.content, material.content.best_heads()
    with drawing():
        pictures = [*_by_metric(content, material.lines), *_gallery_charts(content, material.gallery)]
        pictures += [chart_classes(content, best, material.classes)] if best else []
        pictures += [chart_confusion(content, key, material.confusions[key]) for key in best]
        if material.reconstructions:
            pictures.append(chart_reconstructions(content, material.reconstructions))
    return pictures


def _by_metric(content: Content, lines: Sequence[Entry]) -> list[Picture]:
    """The charts that there are of every metric that was asked for."""
    view, most = lines[0].view, content.most
    first = [line for line in lines if line.view == view]
    pictures = []
    for metric in content.metrics:
        board = [line for line in first if line.shots == most]
        pictures += [chart_board(content, board, metric), chart_shots(content, first, metric)]
        if view == MEAN and content.heads:
            pictures.append(chart_heads(content, [line for line in lines if line.view != MEAN], metric))
        if found := details.costs(content, lines, metric):
            pictures.append(chart_costs(content, found, metric))
    return pictures


def _gallery_charts(content: Content, gallery: Gallery | None) -> list[Picture]:
    if gallery is None:
        return []
    predictions = chart_predictions(content, gallery)
    return [
        *([predictions] if predictions else []),
        *(chart_rebuilt(gallery, one.backbone) for one in gallery.rebuilt),
    ]


def _write_figures(folder: Path, pictures: Sequence[Picture]) -> list[Path]:
    written = []
    for picture in pictures:
        for suffix, data in (("svg", picture.svg), ("png", picture.png)):
            file = folder / f"{picture.name}.{suffix}"
            write_atomic(file, data)
            written.append(file)
    return written
