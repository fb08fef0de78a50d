"""Small things on the body, all of them body: door seams, handles, mirrors."""

from __future__ import annotations

import numpy as np

from ..drawing.camera import Grid, points
from ..drawing.canvas import Canvas, cover
from ..drawing.sampling import Array
from ..drawing.shapes import limb
from .body import BODY
from .model import Car
from .panels import Hull


def paint_seams(canvas: Canvas, grid: Grid, car: Car, inside: Array) -> None:
    """The gaps around the doors and their handles, thin and dark, where the body covers the picture."""
    s, hull = car.shape, Hull(canvas, grid, car, 0.3 * car.finish.paint)
    middle = s.tail + car.finish.pillar * (s.cowl - s.tail)
    for x in (s.cowl - 0.05, middle):
        hull.add(upright(car, (x - 0.012, x + 0.012), (s.bottom + 0.1, s.belt)))
    for x in (middle + 0.12, middle - 0.62):
        hull.add(upright(car, (x, x + 0.17), (s.belt - 0.14, s.belt - 0.1)))
    hull.paint(None, inside=0.55 * inside)


def upright(car: Car, x: tuple[Array, Array], y: tuple[Array, Array]) -> Array:
    """A rectangle on the near side."""
    z = car.shape.half
    return points((x[0], y[0], z), (x[0], y[1], z), (x[1], y[1], z), (x[1], y[0], z))


def paint_mirror(canvas: Canvas, grid: Grid, car: Car, side: float) -> None:
    """One door mirror; `side` is 1 for the near one."""
    s, camera = car.shape, car.camera
    x, y, z = s.cowl - 0.3, s.belt + 0.09, side * s.half
    seen = points((x, y, z + 0.03 * side), (x + 0.03, y, z + 0.17 * side))
    ends, size = camera.project(seen), camera.scale * camera.closeness(seen)
    light = np.array([[-0.3, -0.9]], np.float32)
    distance, tone = limb(grid, ends[:, 0], ends[:, 1], 0.05 * size[:, :1], 0.085 * size[:, 1:], light)
    colour = 0.9 * car.finish.trim * (0.75 + 0.25 * tone)[:, None]
    canvas.paint(cover(distance, grid.pixel), colour, BODY)
