"""Seeds to pictures: landscape, road and car painted from back to front, with the labels of the car's parts."""

from __future__ import annotations

from collections.abc import Sequence

from ..drawing.camera import grid
from ..drawing.canvas import Canvas
from ..drawing.landscape import paint_landscape
from ..drawing.sampling import Array, ParameterSampler
from ..drawing.splits import Labels, in_batches
from .body import paint_cabin, paint_lower, paint_trim
from .doors import paint_mirror, paint_seams
from .ends import paint_lights, paint_plates
from .model import SALT, draw_car
from .road import draw_road, paint_post, paint_road, paint_shadow
from .wheels import paint_treads, paint_wheels
from .windows import paint_windows

THROWS = 192
"""Uniform numbers per car."""
BATCH_PIXELS = 32 * 64 * 64
"""Pixels painted at once: many, because a car is many small panels."""


def render(seeds: Sequence[int], size: int) -> tuple[Array, Labels]:
    """Images (N, 3, size, size) float32 in [0, 1] and the label of each pixel's centre, (N, size, size) uint8."""
    return in_batches(paint, seeds, size, BATCH_PIXELS)


def paint(seeds: Sequence[int], size: int) -> Canvas:
    """One batch, from the sky to the thing before the car."""
    sampler = ParameterSampler(seeds, THROWS, SALT)
    car = draw_car(sampler)
    road = draw_road(sampler, car)
    canvas, pixels = Canvas(len(seeds), size), grid(size)
    paint_landscape(canvas, road.landscape, pixels, car.camera.horizon())
    paint_road(canvas, road, pixels, car)
    paint_shadow(canvas, road, pixels, car)
    paint_treads(canvas, pixels, car)
    paint_mirror(canvas, pixels, car, -1.0)
    inside = paint_lower(canvas, pixels, car)
    paint_trim(canvas, pixels, car)
    paint_seams(canvas, pixels, car, inside)
    paint_wheels(canvas, pixels, car, inside)
    paint_lights(canvas, pixels, car)
    paint_plates(canvas, pixels, car)
    paint_cabin(canvas, pixels, car)
    paint_windows(canvas, pixels, car)
    paint_mirror(canvas, pixels, car, 1.0)
    paint_post(canvas, road, pixels)
    return canvas
