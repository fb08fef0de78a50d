"""The style of all figures: colour-blind safe colours, saving and inlining."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

INK, MUTED, LINE, PAPER = "#1c1f24", "#5b626c", "#d9dde3", "#ffffff"
SERIES = ("#0072b2", "#d55e00", "#008f68", "#b5588c", "#b07a00", "#2b8fc9", "#7a5230")
"""Okabe and Ito (2008), the pale ones darkened so that they can be seen on white."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "p", "*")
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (2, 1.5), (6, 2, 1.5, 2), (8, 3))
"""Line, then gap, in points; a line without gaps first."""
VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", PAPER: "--paper"} | {
    colour: f"--series-{i}" for i, colour in enumerate(SERIES)
}
"""What the page calls these colours, so that they follow its theme."""
RC: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "partbench",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
}
SVG = "http://www.w3.org/2000/svg"
LONGEST = 28
"""Characters of a name that fit into a figure."""
DPI = 160


@dataclass(frozen=True)
class LineStyle:
    """Colour, marker and dashes of a line; no two differ in their colour alone."""

    colour: str
    marker: str
    dashes: tuple[float, ...]


@dataclass(frozen=True)
class RenderedFigure:
    """A finished figure."""

    name: str
    """Of its files."""
    title: str
    """What it shows, for those who cannot see it."""
    svg: bytes
    png: bytes


def looks(names: Sequence[str], plain: Callable[[str], bool] = lambda name: False) -> dict[str, LineStyle]:
    """A look for every name; those that are `plain` are grey."""
    coloured = [name for name in names if not plain(name)]
    out = {}
    for i, name in enumerate(names):
        if plain(name):
            out[name] = LineStyle(MUTED, MARKERS[-1 - (i % len(MARKERS))], DASHES[1 + i % (len(DASHES) - 1)])
        else:
            place = coloured.index(name)
            dashes = DASHES[place // len(SERIES) % len(DASHES)]
            out[name] = LineStyle(SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)], dashes)
    return out


def number_axis(axis: Axis) -> None:
    """Ticks that are written as plain numbers."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def short(name: str, longest: int = LONGEST) -> str:
    """A name as it fits into a figure: without what cannot be printed, and its end if it is too long."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in name)
    return clean if len(clean) <= longest else "…" + clean[1 - longest :]


@contextmanager
def drawing() -> Iterator[None]:
    """Figures in our style; a letter that the font lacks is a box, and no warning."""
    with mpl.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        yield


def save(figure: Figure, name: str, title: str) -> RenderedFigure:
    """The figure as SVG and PNG."""
    svg, png = BytesIO(), BytesIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    if engine := figure.get_layout_engine():
        engine.execute(figure)  # once, for both
        figure.set_layout_engine("none")
    figure.savefig(svg, format="svg", metadata=nothing)
    figure.savefig(png, format="png", dpi=DPI)
    return RenderedFigure(name, title, svg.getvalue(), png.getvalue())


def spread(values: Sequence[float], gap: float, top: float = float("inf")) -> list[float]:
    """Where labels stand so that they keep their order, `gap` apart, and as near to their values as that allows.

    What is left of a value without the gaps below it may not fall; neighbours where it does share their mean, which is
    isotonic regression by pooling adjacent violators (Ayer et al. 1955). Those above `top` move down with all others.
    """
    order = sorted(range(len(values)), key=lambda i: values[i])
    pools: list[tuple[float, int]] = []
    for place, i in enumerate(order):
        pools.append((values[i] - place * gap, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    rests = [rest for rest, count in pools for _ in range(count)]
    places = [rest + place * gap for place, rest in enumerate(rests)]
    over = max(0.0, places[-1] - top) if places else 0.0
    return [place - over for _, place in sorted(zip(order, places, strict=True))]


def grid_of(count: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """Panels with the same axes, and nothing where there are more than needed."""
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure((size[0] * columns + 0.4, size[1] * rows + 0.4), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes in panels[count:]:
        axes.set_axis_off()
    for axes in panels[max(0, count - columns) : count]:
        axes.tick_params(labelbottom=True)
    return figure, panels[:count]


def inline(picture: RenderedFigure) -> str:
    """The SVG as a part of a page: its own names, colours and letters of the page, and what it shows."""
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(picture.svg)
    for node in root.findall(f"{{{SVG}}}metadata"):
        root.remove(node)
    for node in root.iter():
        for attribute, value in node.attrib.items():
            node.set(attribute, _adapt(attribute.rpartition("}")[2], value, picture.name))
    for attribute in ("width", "height"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-label", picture.title)
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def _adapt(attribute: str, value: str, name: str) -> str:
    if attribute == "id":
        return f"{name}-{value}"
    if attribute == "href" and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    value = re.sub(r"url\(#", f"url(#{name}-", value)
    if attribute == "style":
        for colour, variable in VARIABLES.items():
            value = value.replace(colour, f"var({variable})")
        value = re.sub(r"font: ([^;]*?px)[^;]*", r"font: \1 system-ui, sans-serif", value)
    return value
