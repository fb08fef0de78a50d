"""What sits at the ends of the car: lights that reach around its corners, and the number plate."""

from __future__ import annotations

import numpy as np

from ..drawing.camera import Grid, points
from ..drawing.canvas import Canvas, rgb
from ..drawing.sampling import Array
from .body import Section, sections
from .model import Car
from .panels import Hull

PLATE, LIGHT = 2, 3

MARKS = (0.16, 0.33, 0.5, 0.67)
"""Where the letters of a plate begin, as shares of its width."""


def lamp_span(car: Car, cut: Section) -> tuple[Array, Array]:
    """From which height to which the lights of an end reach."""
    _, _, bottom, roof = cut
    middle, half = bottom + 0.74 * (roof - bottom), car.finish.light_height
    return middle - half, middle + half


def end_lamp(car: Car, cut: Section, sign: float, side: float) -> Array:
    """The part of a light on the end itself; `side` is 1 for the near one."""
    y0, y1 = lamp_span(car, cut)
    outer, inner = cut[1], cut[1] - car.finish.light_width
    left, right = (outer, inner) if sign * side > 0 else (inner, outer)
    return points(
        (cut[0], y0, side * left), (cut[0], y1, side * left), (cut[0], y1, side * right), (cut[0], y0, side * right)
    )


def corner_lamp(car: Car, end: Section, inner: Section) -> Array:
    """The part of a light that reaches around the corner of the near side."""
    y0, y1 = lamp_span(car, end)
    x = end[0] + 0.75 * (inner[0] - end[0])
    z = end[1] + 0.75 * (inner[1] - end[1])
    lower, upper = y0 + 0.25 * (y1 - y0), y1
    tip, root = [(x, lower, z), (x, upper, z)], [(end[0], y1, end[1]), (end[0], y0, end[1])]
    corners = points(tip[0], tip[1], root[0], root[1])
    clockwise = (x < end[0])[..., None][:, 0]
    return np.where(clockwise, corners, points(root[1], root[0], tip[1], tip[0])).astype(np.float32)


def paint_lights(canvas: Canvas, grid: Grid, car: Car) -> None:
    """Headlights and tail lights, each with the corner that they reach around."""
    cuts, red = sections(car), rgb(0.72, 0.06, 0.06)
    for end, inner, sign, colour in ((cuts[0], cuts[1], 1.0, car.finish.lamp), (cuts[5], cuts[4], -1.0, red)):
        hull = Hull(canvas, grid, car, colour)
        for side in (1.0, -1.0):
            hull.add(end_lamp(car, end, sign, side), rounding=0.03)
        hull.add(corner_lamp(car, end, inner), 0.92)
        hull.paint(LIGHT, _sparkle(car, grid))


def plate_panel(car: Car, front: bool) -> Array:
    """The number plate of one end."""
    cut = sections(car)[0 if front else 5]
    _, _, bottom, roof = cut
    sign = 1.0 if front else -1.0
    y = bottom + (0.40 if front else 0.50) * (roof - bottom)
    x, z, half = cut[0] + 0.01 * sign, sign * car.finish.plate_width, car.finish.plate_height
    return points((x, y - half, z), (x, y + half, z), (x, y + half, -z), (x, y - half, -z))


def paint_plates(canvas: Canvas, grid: Grid, car: Car) -> None:
    """Bright plates with a dark edge and dark marks."""
    ends, present = [plate_panel(car, front) for front in (True, False)], car.finish.plate
    edge, face = (Hull(canvas, grid, car, colour * car.finish.plate_colour) for colour in (0.35, 1.0))
    marks = Hull(canvas, grid, car, rgb(0.12, 0.12, 0.2))
    for panel in ends:
        edge.add(panel, 1.0, present, 0.02)
        face.add(_within(panel, 0.06, 0.94, 0.1), 1.0, present, 0.02)
        for start in MARKS:
            marks.add(_within(panel, start, start + 0.11, 0.28), 1.0, present)
    edge.paint(PLATE)
    face.paint(None)
    marks.paint(None, inside=0.8)


def _within(panel: Array, left: float, right: float, margin: float) -> Array:
    """A part of a panel with four corners, lower left first, by shares of its sides."""
    across, up = panel[:, 3] - panel[:, 0], panel[:, 1] - panel[:, 0]
    corners = ((left, margin), (left, 1 - margin), (right, 1 - margin), (right, margin))
    return np.stack([panel[:, 0] + u * across + v * up for u, v in corners], axis=1)


def _sparkle(car: Car, grid: Grid) -> Array:
    """Bright and dark ribs in the lamps, as a factor around 1."""
    x, y = ((grid.x - car.camera.x[..., None]), (grid.y - car.camera.y[..., None]))
    ribs = np.sin(42 * x / car.camera.scale[..., None]) * np.sin(36 * y / car.camera.scale[..., None])
    tone: Array = 0.95 + 0.12 * ribs
    return tone.astype(np.float32)
