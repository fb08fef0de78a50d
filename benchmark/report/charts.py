"""The charts that rank: the leaderboard, scores over shots, and scores against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..metrics.significance import Rank
from ..plan import file_name
from .breakdowns import CostPoint
from .figure_style import INK, MUTED, PAPER, LineStyle, RenderedFigure, grid_of, looks, number_axis, save, short, spread
from .leaderboard_views import LeaderboardLine, Score
from .run_data import RunData, is_control

MARGIN = 0.03
"""Share of an axis of scores that reaches beyond 0 and 100, so that a marker at their end is seen whole."""


def chart_board(content: RunData, lines: Sequence[LeaderboardLine], metric: str) -> RenderedFigure:
    """One view of the leaderboard: scores with their intervals and ranks."""
    scored = [line for line in lines if line.scores[metric].is_number]
    figure = Figure((7, 1 + 0.27 * len(scored)), layout="constrained")
    axes = figure.subplots()
    style = looks(content.backbones, is_control)
    for place, line in enumerate(scored):
        score, look = line.scores[metric], style[line.backbone]
        axes.errorbar(
            score.mean, place, xerr=_half(score), fmt=look.marker, color=look.colour, capsize=3, elinewidth=1.5
        )
    labels = [f"{short(line.backbone)}  ({_rank(line.scores[metric].rank)})" for line in scored]
    axes.set_yticks(range(len(scored)), labels, color=INK)
    axes.set_ylim(len(scored) - 0.4, -0.6)
    axes.set_xlim(*_possible(axes.get_xlim()))
    axes.set_xlabel(f"{metric} IoU, %; 95 % intervals; in brackets the rank")
    axes.grid(axis="y", visible=False)
    return save(figure, f"leaderboard-{file_name(metric)}", f"Scores and 95 % intervals by {metric}")


def _possible(limits: tuple[float, float]) -> tuple[float, float]:
    """The limits of an axis of scores, at most from 0 to 100: the interval of few images may reach far beyond."""
    low, high = max(limits[0], 0.0), min(limits[1], 100.0)
    beyond = MARGIN * (high - low)
    return max(limits[0], low - beyond), min(limits[1], high + beyond)


def _rank(rank: Rank | None) -> str:
    return str(rank) if rank else "-"


def _half(score: Score) -> float:
    return score.half if score.half == score.half else 0.0


def chart_shots(content: RunData, lines: Sequence[LeaderboardLine], metric: str) -> RenderedFigure:
    """Score over shots, a line per backbone, of the first view; every line is named at its end."""
    figure = Figure((8, 4.6), layout="constrained")
    axes = figure.subplots()
    style = looks(content.backbones, is_control)
    ends: dict[str, float] = {}
    for backbone in content.backbones:
        scored = [line for line in lines if line.backbone == backbone and line.scores[metric].is_number]
        if scored:
            scores = [line.scores[metric] for line in scored]
            _band(axes, [line.shots for line in scored], scores, style[backbone])
            ends[backbone] = scores[-1].mean
    _shots_axis(axes, content.shots, right=0.2)
    axes.set_ylim(*_possible(axes.get_ylim()))
    axes.set_ylabel(f"{metric} IoU, %")
    axes.set_xlabel("shots (annotated images)")
    low, high = axes.get_ylim()
    for (backbone, end), place in zip(ends.items(), spread(list(ends.values()), (high - low) / 21, high), strict=True):
        _label_end(axes, short(backbone), end, place, style[backbone])
    return save(figure, f"shots-{file_name(metric)}", f"{metric} over shots, a line per backbone")


def _label_end(axes: Axes, text: str, end: float, place: float, look: LineStyle) -> None:
    """A name at the right of a line, joined to its end."""
    line = {"arrowstyle": "-", "color": look.colour, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)}
    axes.annotate(
        text,
        xy=(1, end),
        xytext=(1.03, place),
        xycoords=axes.get_yaxis_transform(),
        textcoords=axes.get_yaxis_transform(),
        color=look.colour,
        va="center",
        annotation_clip=False,
        arrowprops=line,
    )


def _band(axes: Axes, shots: Sequence[int], scores: Sequence[Score], look: LineStyle) -> None:
    """A line with its interval."""
    means, halves = np.array([s.mean for s in scores]), np.array([_half(s) for s in scores])
    place = np.log(shots)
    if len(place) == 1:  # a band has no width
        axes.errorbar(place, means, yerr=halves, color=look.colour, alpha=0.5, elinewidth=1)
    axes.fill_between(place, means - halves, means + halves, color=look.colour, alpha=0.12, linewidth=0)
    (line,) = axes.plot(place, means, color=look.colour, marker=look.marker)
    if look.dashes:
        line.set_dashes(look.dashes)


def _shots_axis(axes: Axes, shots: Sequence[int], right: float = 1) -> None:
    axes.set_xticks(np.log(shots), [str(count) for count in shots])
    margin = 0.05 * max(0.5, float(np.log(shots[-1]) - np.log(shots[0])))
    axes.set_xlim(float(np.log(shots[0])) - margin, float(np.log(shots[-1])) + right * margin)
    axes.grid(axis="x", visible=False)
    axes.spines["left"].set_visible(False)


def chart_heads(content: RunData, lines: Sequence[LeaderboardLine], metric: str) -> RenderedFigure:
    """Score over shots, a panel per backbone and in it a line per head."""
    best = {line.backbone: max(x.scores[metric].mean for x in lines if x.backbone == line.backbone) for line in lines}
    order = sorted(best, key=lambda backbone: -best[backbone] if best[backbone] == best[backbone] else 0)
    style = looks(content.heads)
    figure, panels = grid_of(len(order) + 1, 4, (2.1, 1.75))
    for axes, backbone in zip(panels, order, strict=False):
        for head in content.heads:
            scored = [x for x in lines if (x.backbone, x.view) == (backbone, head) and x.scores[metric].is_number]
            plain = bool(scored) and not scored[0].heads
            if scored and not (plain and head != content.heads[0]):
                look = LineStyle(MUTED, "o", ()) if plain else style[head]
                _band(axes, [x.shots for x in scored], [x.scores[metric] for x in scored], look)
        axes.set_title(short(backbone, 22))
        _shots_axis(axes, content.shots)
    panels[0].set_ylim(*_possible(panels[0].get_ylim()))  # shared by all
    _key(panels[len(order)], style)
    figure.supylabel(f"{metric} IoU, %", color=MUTED, fontsize=9)
    figure.supxlabel("shots (annotated images)", color=MUTED, fontsize=9)
    return save(figure, f"heads-{file_name(metric)}", f"{metric} over shots, a panel per backbone, a line per head")


def _key(axes: Axes, style: Mapping[str, LineStyle]) -> None:
    """The names of the lines, in a panel of their own."""
    axes.set_axis_off()
    for i, (name, look) in enumerate(style.items()):
        y = 0.92 - 0.15 * i
        (line,) = axes.plot([0.02, 0.2], [y, y], color=look.colour, marker=look.marker, transform=axes.transAxes)
        line.set_dashes(look.dashes) if look.dashes else None
        axes.text(0.27, y, short(name), transform=axes.transAxes, va="center")


def chart_costs(content: RunData, found: Sequence[CostPoint], metric: str) -> RenderedFigure:
    """Score against cost; the front is joined."""
    figure = Figure((7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    style = looks(content.backbones, is_control)
    for cost in found:
        look = style[cost.backbone]
        face = look.colour if cost.front else PAPER
        half = cost.half if cost.half == cost.half else 0
        x = milliseconds(cost.seconds)
        axes.errorbar(x, cost.score, yerr=half, fmt=look.marker, color=look.colour, mfc=face, ms=7, elinewidth=1)
    front = [cost for cost in found if cost.front]
    xs, ys = [milliseconds(cost.seconds) for cost in front], [cost.score for cost in front]
    axes.step(xs, ys, where="post", color=INK, linewidth=0.8, dashes=(4, 3), zorder=1)
    axes.set_xscale("log")
    axes.margins(x=0.2)
    axes.set_ylim(*_possible(axes.get_ylim()))
    _show_decade(axes)
    number_axis(axes.xaxis)
    axes.set_xlabel("milliseconds per image, inversion included (log)")
    axes.set_ylabel(f"{metric} IoU, %")
    _label_costs(axes, found)
    return save(figure, f"cost-{file_name(metric)}", f"{metric} against milliseconds per image")


def _show_decade(axes: Axes) -> None:
    """Widen a logarithmic axis to a decade: on a shorter one, names would stand further right than it is wide."""
    low, high = np.log10(axes.get_xlim())
    if high - low < 1:
        axes.set_xlim(10 ** ((low + high - 1) / 2), 10 ** ((low + high + 1) / 2))


def _label_costs(axes: Axes, found: Sequence[CostPoint]) -> None:
    """Names at the right of their points; those of neighbours stand one below the other."""
    low, high = axes.get_ylim()
    crowds: list[list[CostPoint]] = []
    for cost in found:  # cheapest first
        near = crowds and milliseconds(cost.seconds) < 2.5 * milliseconds(crowds[-1][-1].seconds)
        crowds[-1].append(cost) if near else crowds.append([cost])
    for crowd in crowds:
        right = max(milliseconds(cost.seconds) for cost in crowd) * 1.15
        places = spread([cost.score for cost in crowd], (high - low) / 20)
        for cost, place in zip(crowd, places, strict=True):
            point = (milliseconds(cost.seconds), cost.score)
            line = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 5, "relpos": (0, 0.5)}
            axes.annotate(short(cost.backbone), point, (right, place), va="center", arrowprops=line)


def milliseconds(seconds: float) -> float:
    """As a logarithmic axis can show it: what was too fast to be measured is a hundredth."""
    return max(0.01, 1000 * seconds)
