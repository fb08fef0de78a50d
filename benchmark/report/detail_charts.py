"""Detail charts: per class, confusions and single images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ... import counted
from ..gallery import RECONSTRUCTIONS
from ..metrics.confusion import Confusion, Scores
from ..pictures import PALETTE, paint, to_picture
from ..plan import NO_HEAD, file_name
from ..results import Key
from .breakdowns import ReconstructionScores, shares
from .figure_style import INK, MUTED, PAPER, SERIES, RenderedFigure, grid_of, looks, save, short
from .image_strips import ImageStrips, error_picture
from .run_data import RunData, is_control

SHOWN = 6
"""Images in a figure of pictures; the page shows all that were kept."""


def chart_classes(content: RunData, keys: Sequence[Key], scores: Mapping[Key, Scores]) -> RenderedFigure:
    """IoU of every class, a panel per class and in it a bar per backbone."""
    style = looks(content.backbones, is_control)
    figure, panels = grid_of(len(content.classes), 5, (1.75, 0.5 + 0.19 * len(keys)))
    for place, (axes, name) in enumerate(zip(panels, content.classes, strict=True)):
        values, halves = np.nan_to_num([scores[key][place] for key in keys]).T
        colours = [style[key[0]].colour for key in keys]
        axes.barh(range(len(keys)), values, 0.72, color=colours, xerr=halves, ecolor=INK, error_kw={"elinewidth": 0.8})
        axes.set_title(short(name, 16))
        axes.grid(axis="y", visible=False)
    panels[0].set_yticks(range(len(keys)), [short(key[0]) for key in keys])
    panels[0].set_ylim(len(keys) - 0.4, -0.6)
    panels[0].set_xlim(0, 100)
    figure.supxlabel(f"IoU, %; best head of each backbone, {counted(content.most, 'shot')}", color=MUTED, fontsize=9)
    return save(figure, "classes", "IoU of every class, a bar per backbone")


def chart_confusion(content: RunData, key: Key, confusion: Confusion) -> RenderedFigure:
    """What share of each class is taken for which, in numbers and shades."""
    percentages, count = shares(confusion), len(content.classes)
    figure = Figure((2 + 0.46 * count, 1.4 + 0.36 * count), layout="constrained")
    axes = figure.subplots()
    axes.pcolormesh(np.nan_to_num(percentages), cmap=_shades(), vmin=0, vmax=100, edgecolors=PAPER, linewidth=1)
    for (i, j), share in np.ndenumerate(percentages):
        if share >= 0.5:
            axes.text(j + 0.5, i + 0.5, f"{share:.0f}", ha="center", va="center", color=PAPER if share > 55 else INK)
    names = [short(name) for name in content.classes]
    axes.set_xticks(np.arange(count) + 0.5, names, rotation=45, ha="left")
    axes.set_yticks(np.arange(count) + 0.5, names)
    axes.xaxis.tick_top()
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    what = short(key[0]) if key[1] == NO_HEAD else f"{short(key[0])}, {short(key[1])}"
    axes.set_xlabel(f"{what}, {counted(key[2], 'shot')}: % of the pixels of each class (row) predicted as (column)")
    return save(figure, f"confusion-{file_name(key[0])}", f"Confusions of {key[0]}")


def _shades() -> Colormap:
    return LinearSegmentedColormap.from_list("shades", [PAPER, SERIES[0]])


def chart_reconstructions(content: RunData, found: Sequence[ReconstructionScores]) -> RenderedFigure:
    """Score of every image against its reconstruction error, a panel per backbone."""
    figure, panels = grid_of(len(found), 3, (2.6, 2.3))
    style, metric = looks(content.backbones, is_control), content.metrics[0]
    for axes, one in zip(panels, found, strict=True):
        look = style[one.key[0]]
        axes.plot(one.errors, one.scores, look.marker, color=look.colour, alpha=0.8)
        text = f"rank correlation {one.rho:.2f}" if one.rho == one.rho else "no rank correlation"
        axes.set_title(f"{short(one.key[0], 22)}\n{text}")
    figure.supxlabel("reconstruction error (root mean square)", color=MUTED, fontsize=9)
    figure.supylabel(f"{metric} of the image, %", color=MUTED, fontsize=9)
    return save(figure, "reconstruction-scores", f"{metric} of every image against its reconstruction error")


def chart_predictions(content: RunData, gallery: ImageStrips) -> RenderedFigure | None:
    """Image, truth and what the best head of every backbone predicts, the images with the lowest scores first."""
    keys = [key for key in content.best_heads() if key in gallery.predictions]
    if not keys:
        return None
    order = worst_first(gallery, keys)[:SHOWN]
    first = max(gallery.pictures.values(), key=lambda values: len(values["images"]))
    columns = [[to_picture(image) for image in first["images"]], [paint(mask) for mask in first["truth"]]]
    columns += [[paint(mask) for mask in gallery.pictures[key[0]][f"{key[1]} {key[2]}"]] for key in keys]
    scores = [[], [], *([gallery.scores[key] for key in keys])]
    names = ["image", "truth", *(short(key[0], 17) for key in keys)]
    figure = _pictures(names, [[column[i] if i < len(column) else None for i in order] for column in columns])
    for axes_row, i in zip(np.array(figure.axes).reshape(len(order), -1), order, strict=True):
        for axes, values in zip(axes_row, scores, strict=True):
            axes.set_xlabel(f"{values[i]:.0f}" if len(values) > i and values[i] == values[i] else "", labelpad=1)
    colours = [Patch(facecolor=PALETTE[i % len(PALETTE)] / 255, edgecolor=MUTED) for i in range(len(content.classes))]
    # matplotlib leaves out what begins with an underscore
    classes = ["\u200b" + short(name) for name in content.classes]
    figure.legend(colours, classes, loc="outside lower center", ncols=min(10, len(classes)), frameon=False, fontsize=8)
    title = f"Images, truth and predictions, worst first; below each {content.metrics[0]} of the image in per cent"
    return save(figure, "predictions", title)


def worst_first(gallery: ImageStrips, keys: Sequence[Key]) -> list[int]:
    """The images by their mean score over these predictions, the lowest first."""
    totals = []
    for i in range(gallery.count):
        finite = [gallery.scores[key][i] for key in keys if gallery.scores[key][i] == gallery.scores[key][i]]
        totals.append(sum(finite) / len(finite) if finite else 101)
    return sorted(range(gallery.count), key=lambda i: totals[i])


def _pictures(names: Sequence[str], columns: Sequence[Sequence[NDArray[Any] | None]]) -> Figure:
    """Columns of pictures under their names; None leaves a place empty."""
    rows = len(columns[0])
    figure = Figure((0.95 * len(columns), 1.12 * rows + 0.9), layout="constrained")
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for j, (name, column) in enumerate(zip(names, columns, strict=True)):
        for i in range(rows):
            grid[i, j].set(xticks=[], yticks=[])
            grid[i, j].spines[:].set_visible(False)
            if (picture := column[i]) is not None:
                grid[i, j].imshow(picture, interpolation="nearest", cmap="gray", vmin=0, vmax=255)
        grid[0, j].set_title(name, loc="center", fontsize=7)
    return figure


def chart_rebuilt(gallery: ImageStrips, backbone: str) -> RenderedFigure:
    """Original, reconstruction and error of a backbone's first images."""
    pictures = gallery.pictures[backbone]
    pairs = list(zip(pictures["images"], pictures[RECONSTRUCTIONS], strict=True))[:SHOWN]
    columns = [
        [to_picture(image) for image, _ in pairs],
        [to_picture(again) for _, again in pairs],
        [error_picture(image, again) for image, again in pairs],
    ]
    figure = _pictures(["original", "reconstruction", "error"], columns)
    return save(figure, f"reconstructions-{file_name(backbone)}", f"Originals and reconstructions of {backbone}")
