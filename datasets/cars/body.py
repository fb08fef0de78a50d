"""The body without its glass: the lower hull from nose to tail, and the cabin on it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..drawing.camera import Grid, points
from ..drawing.canvas import Canvas, rgb
from ..drawing.sampling import Array
from .model import PICKUP, REACH, Car
from .panels import Hull

BODY = 1

Section = tuple[Array, Array, Array, Array]
"""Where a cut across the hull lies, its half width, its bottom and its top."""


def sections(car: Car) -> list[Section]:
    """Cuts across the lower hull, from front to rear."""
    s = car.shape
    deck = s.belt - 0.02
    narrow = 0.86 * s.half
    return [
        (s.front, narrow, s.bottom + 0.06, s.nose - 0.10),
        (s.front - 0.34, s.half, s.bottom, s.nose),
        (s.cowl, s.half, s.bottom, s.belt),
        (s.tail, s.half, s.bottom, s.belt),
        (np.minimum(0.26 - s.front, s.tail - 0.02), s.half, s.bottom, deck),
        (-s.front, narrow, s.bottom + 0.08, deck - 0.08),
    ]


def flank(fore: Section, aft: Section) -> Array:
    """The near side between two cuts."""
    return points(
        (aft[0], aft[2], aft[1]), (aft[0], aft[3], aft[1]), (fore[0], fore[3], fore[1]), (fore[0], fore[2], fore[1])
    )


def top(fore: Section, aft: Section) -> Array:
    """The upper side between two cuts."""
    return points(
        (aft[0], aft[3], aft[1]), (aft[0], aft[3], -aft[1]), (fore[0], fore[3], -fore[1]), (fore[0], fore[3], fore[1])
    )


def cap(cut: Section, sign: float, low: Array | float = 0.0, high: Array | float = 1.0, wide: float = 1.0) -> Array:
    """The end of the hull (sign 1 for the front), or a part of it between two shares of its height."""
    x, half, bottom, roof = cut
    y0, y1, z = bottom + low * (roof - bottom), bottom + high * (roof - bottom), sign * wide * half
    return points((x, y0, z), (x, y1, z), (x, y1, -z), (x, y0, -z))


def side_profile(cuts: list[Section], low: float = 0.0, high: float = 1.0) -> Array:
    """The flat middle of the near side, with the line of the bonnet above it; or its lower part."""
    first, last = cuts[1], cuts[4]
    z = first[1]
    if high < 1:
        y = first[2] + high * (last[3] - first[2])
        return points((last[0], last[2], z), (last[0], y, z), (first[0], y, z), (first[0], first[2], z))
    upper = [(cut[0], cut[3], z) for cut in reversed(cuts[1:5])]
    return points((last[0], last[2], z), *upper, (first[0], first[2], z))


def paint_lower(canvas: Canvas, grid: Grid, car: Car) -> Array:
    """Bonnet, boot, both ends and the near side; gives their cover."""
    hull, cuts = Hull(canvas, grid, car, car.finish.paint), sections(car)
    bed = np.where(car.shape.kind == PICKUP, np.float32(0.35), np.float32(1))[:, None, None]
    for fore, aft in pairwise(cuts):
        hull.lit(top(fore, aft), bed if fore is cuts[3] else 1.0)
    for fore, aft in ((cuts[0], cuts[1]), (cuts[4], cuts[5])):
        hull.lit(flank(fore, aft))
    hull.lit(side_profile(cuts))
    hull.lit(cap(cuts[0], 1.0))
    hull.lit(cap(cuts[5], -1.0))
    return hull.paint(BODY, _sheen(car, grid))


def paint_trim(canvas: Canvas, grid: Grid, car: Car) -> None:
    """Bumpers and sill, in dark plastic or in the car's colour, and the grille."""
    hull, cuts = Hull(canvas, grid, car, car.finish.trim), sections(car)
    for fore, aft in ((cuts[0], cuts[1]), (cuts[4], cuts[5])):
        low = [(x, half, bottom, bottom + 0.34 * (roof - bottom)) for x, half, bottom, roof in (fore, aft)]
        hull.lit(flank(low[0], low[1]))
    hull.lit(side_profile(cuts, high=0.16), 0.8)
    for cut, sign in ((cuts[0], 1.0), (cuts[5], -1.0)):
        hull.lit(cap(cut, sign, 0.0, 0.40))
    hull.paint(BODY)
    paint_grille(canvas, grid, car)


def paint_grille(canvas: Canvas, grid: Grid, car: Car) -> None:
    """A dark opening between the headlights, and another below the number plate, and one below the tail."""
    front, rear = sections(car)[0], sections(car)[5]
    hull = Hull(canvas, grid, car, rgb(0.06, 0.06, 0.07))
    hull.add(cap(front, 1.0, 0.58, 0.66 + 0.24 * car.finish.grille, 0.42), rounding=0.05)
    hull.add(cap(front, 1.0, 0.05, 0.2, 0.6), rounding=0.05)
    hull.add(cap(rear, -1.0, 0.04, 0.12, 0.7), rounding=0.05)
    hull.paint(BODY)


def cabin_point(car: Car, x: Array, share: float) -> tuple[Array, Array, Array]:
    """A point of the near side of the cabin, at a share of its height."""
    base, roof = cabin_widths(car)
    s = car.shape
    return x, s.belt + share * (s.height - s.dome - s.belt), base + share * (roof - base)


def cabin_widths(car: Car) -> tuple[Array, Array]:
    """Half the width of the cabin at the belt and at the roof."""
    upright = np.clip((car.shape.height - 1.3) / 0.6, 0, 1)
    return 0.95 * car.shape.half, (0.74 + 0.12 * upright) * car.shape.half


def windscreen(car: Car) -> Array:
    """The whole slope before the roof."""
    s, (base, roof) = car.shape, cabin_widths(car)
    y0, y1 = s.belt, s.height - s.dome
    return points((s.cowl, y0, base), (s.roof_front, y1, roof), (s.roof_front, y1, -roof), (s.cowl, y0, -base))


def rear_slope(car: Car) -> Array:
    """The whole slope behind the roof."""
    s, (base, roof) = car.shape, cabin_widths(car)
    y0, y1 = s.belt, s.height - s.dome
    return points((s.tail, y0, -base), (s.roof_rear, y1, -roof), (s.roof_rear, y1, roof), (s.tail, y0, base))


def roof_line(car: Car) -> list[tuple[Array, Array, Array]]:
    """The upper edge of the near side, from rear to front; a little higher in its middle."""
    s, (_, roof) = car.shape, cabin_widths(car)
    y, reach = s.height - s.dome, REACH * (s.roof_front - s.roof_rear)
    return [
        (s.roof_rear, y, roof),
        (s.roof_rear + reach, s.height, roof - 0.03),
        (s.roof_front - reach, s.height, roof - 0.03),
        (s.roof_front, y, roof),
    ]


def paint_cabin(canvas: Canvas, grid: Grid, car: Car) -> None:
    """Pillars and roof; glass comes later."""
    hull, s = Hull(canvas, grid, car, car.finish.paint), car.shape
    base, _ = cabin_widths(car)
    line = roof_line(car)
    for (x0, y0, z0), (x1, y1, z1) in pairwise(line):
        hull.lit(points((x0, y0, z0), (x0, y0, -z0), (x1, y1, -z1), (x1, y1, z1)))
    side = points((s.tail, s.belt, base), *line, (s.cowl, s.belt, base))
    for panel in (windscreen(car), rear_slope(car), side):
        hull.lit(panel)
    hull.paint(BODY, _sheen(car, grid))


def _sheen(car: Car, grid: Grid) -> Array:
    """The sky mirrored in the upper half of the body, and a slow change of light along it."""
    height = (car.camera.y[..., None] - grid.y) / car.camera.scale[..., None]
    wave = np.sin(1.3 * (grid.x - car.camera.x[..., None]) / car.camera.scale[..., None] + 9 * car.finish.gleam)
    tone: Array = 0.98 + 0.10 * np.tanh(6 * (height - 0.62)) + 0.05 * wave
    return tone.astype(np.float32)
