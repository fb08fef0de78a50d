"""Glass: windscreen, rear window and side windows, with the sky in them."""

from __future__ import annotations

import numpy as np

from ..drawing.camera import Grid, points
from ..drawing.canvas import Canvas, smooth
from ..drawing.sampling import Array
from .body import cabin_point, rear_slope, windscreen
from .model import PICKUP, VAN, Car
from .panels import Hull

WINDOW = 5


def inset(panel: Array, across: float, low: float, high: float) -> Array:
    """A quadrilateral within a panel of four corners (lower left first), by shares of its sides."""
    left, right = panel[:, 0], panel[:, 3]
    left_up, right_up = panel[:, 1] - left, panel[:, 2] - right

    def at(u: float, v: float) -> Array:
        start: Array = left + v * left_up
        return start + u * (right + v * right_up - start)

    return np.stack([at(across, low), at(across, high), at(1 - across, high), at(1 - across, low)], axis=1)


def side_window(car: Car, rear: tuple[Array, Array], front: tuple[Array, Array]) -> Array:
    """A window between two slanted edges, each given by its x at the bottom and at the top."""
    return points(
        cabin_point(car, rear[0], 0.06),
        cabin_point(car, rear[1], 0.88),
        cabin_point(car, front[1], 0.88),
        cabin_point(car, front[0], 0.06),
    )


def side_windows(car: Car) -> list[tuple[Array, Array | float]]:
    """The windows of the near side, and which cars have them."""
    s = car.shape
    pillar = s.tail + car.finish.pillar * (s.cowl - s.tail)
    slope_front, slope_rear = s.cowl - s.roof_front, s.roof_rear - s.tail
    front = (s.cowl - 0.06 * slope_front - 0.1, s.cowl - 0.88 * slope_front - 0.1)
    rear = (s.tail + 0.06 * slope_rear + 0.12, s.tail + 0.88 * slope_rear + 0.12)
    single = (s.kind == PICKUP)[:, None, None].astype(np.float32)
    ahead = side_window(car, (pillar + 0.05, pillar + 0.05), front)
    behind = side_window(car, rear, (pillar - 0.05, pillar - 0.05))
    room = (pillar - 0.05 - rear[1] > 0.15).astype(np.float32)
    whole = side_window(car, rear, front)
    return [(ahead, 1 - single), (behind, (1 - closed(car)) * (1 - single) * room), (whole, single)]


def paint_windows(canvas: Canvas, grid: Grid, car: Car) -> None:
    """All glass at once: dark below, the sky above, and a slanted gleam."""
    hull = Hull(canvas, grid, car, car.finish.glass)
    hull.add(inset(windscreen(car), 0.07, 0.05, 0.90), rounding=0.05)
    hull.add(inset(rear_slope(car), 0.10, 0.14, 0.86), 1.0, 1 - closed(car) * (car.finish.gleam > 0), 0.05)
    for panel, gate in side_windows(car):
        hull.add(panel, 0.9, gate, 0.05)
    hull.paint(WINDOW, reflection(car, grid))


def closed(car: Car) -> Array:
    """1 for a van that carries goods, and so has no side windows behind the door; else 0."""
    goods: Array = (car.shape.kind == VAN)[:, None, None] * car.finish.panel_van
    return goods


def reflection(car: Car, grid: Grid) -> Array:
    """What the glass mirrors, as a factor: the bright sky above and two slanted bands, 1 to about 4."""
    scale = car.camera.scale[..., None]
    height = (car.camera.y[..., None] - grid.y) / scale
    across = car.camera.mirror[..., None] * (grid.x - car.camera.x[..., None]) / scale
    slant = across - 0.7 * height + 2 * car.finish.gleam
    band = smooth(np.abs(slant - np.rint(slant / 1.7) * 1.7), 0.24, 0.15)
    top = car.shape.height
    tone: Array = 1 + 1.3 * smooth(height, car.shape.belt - 0.1, top + 0.3) + 0.9 * band
    return tone.astype(np.float32)
