"""The learning curve of a backbone: its score over numbers of shots, a line per head, as SVG without text of others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor

WIDTH, HEIGHT = 300, 190
LEFT, RIGHT, TOP, BOTTOM = 36, 12, 12, 34
APART = 3
"""Between the intervals of two lines."""
COLOURS = 7
"""Colours that the style knows."""
Point = tuple[int, float, float]
"""Shots, score and half its interval."""
Place = Callable[[int, float], tuple[float, float]]
"""Where a number of shots and a score are drawn."""


@dataclass(frozen=True)
class Curve:
    """A drawing with the names of its lines, which stand beside it as text."""

    svg: str
    legend: tuple[tuple[str, int], ...]
    """Names and colours."""


def learning_curve(lines: Mapping[str, Sequence[Point]]) -> Curve | None:
    """A line per name; none where there is one number of shots alone."""
    shots = sorted({point[0] for line in lines.values() for point in line})
    if len(shots) < 2:
        return None
    ends = [mean + sign * half for line in lines.values() for _, mean, half in line for sign in (-1, 1)]
    low, high = 10 * floor(max(0.0, min(ends)) / 10), 10 * ceil(min(100.0, max(ends)) / 10)
    span = max(10, high - low)

    def at(count: int, score: float) -> tuple[float, float]:
        x = LEFT + 14 + (WIDTH - LEFT - RIGHT - 28) * shots.index(count) / (len(shots) - 1)
        return x, TOP + (HEIGHT - TOP - BOTTOM) * (1 - (min(100.0, max(0.0, score)) - low) / span)

    drawn = [_line(line, i % COLOURS, APART * (i - (len(lines) - 1) / 2), at) for i, line in enumerate(lines.values())]
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{_axes(shots, low, span, at)}{"".join(drawn)}</svg>'
    return Curve(svg, tuple((name, i % COLOURS) for i, name in enumerate(lines)))


def _line(points: Sequence[Point], colour: int, aside: float, at: Place) -> str:
    """A line with its intervals, moved aside so that none lies upon another."""
    places = [
        (at(shots, mean)[0] + aside, *(at(shots, score)[1] for score in (mean, mean - half, mean + half)))
        for shots, mean, half in points
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in places)
    marks = "".join(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        for x, y, low, high in places
    )
    return f'<g class="series" style="--series:var(--series-{colour})"><polyline points="{path}"/>{marks}</g>'


def _axes(shots: Sequence[int], low: int, span: int, at: Place) -> str:
    rows = range(low, low + span + 1, 10 if span <= 50 else 20)
    grid = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{(y := at(shots[0], score)[1]):.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{score}</text>'
        for score in rows
    )
    below = "".join(
        f'<text x="{at(count, low)[0]:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{count}</text>'
        for count in shots
    )
    return f'<g class="axes">{grid}{below}<text x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">shots</text></g>'
