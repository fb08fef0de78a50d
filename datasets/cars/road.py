"""Where the car stands: its landscape, the road with its lines, the shadow, and now and then a thing before the car."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing.camera import Grid, points
from ..drawing.canvas import Canvas, cover, smooth
from ..drawing.landscape import Landscape, draw_landscape
from ..drawing.sampling import Array, ParameterSampler, pick
from ..drawing.shapes import box, ellipse, polygon
from .model import Car

BACKGROUND = 0

GROUNDS = ((0.22, 0.22, 0.24), (0.42, 0.42, 0.42), (0.62, 0.58, 0.52), (0.36, 0.42, 0.22))


@dataclass(frozen=True)
class Road:
    """What surrounds the cars of some seeds; widths in metres."""

    landscape: Landscape
    asphalt: Array
    """1 where a road runs under the car."""
    grey: Array
    line: Array
    """How bright the lines are; 0 for none."""
    edge: Array
    """How far the near edge of the road is from the middle of the car."""
    shadow: Array
    post: Array
    """1 where a post stands before the car."""
    post_x: Array
    post_width: Array
    post_colour: Array
    sign: Array
    sign_y: Array


def draw_road(sampler: ParameterSampler, car: Car) -> Road:
    """Town or country; one thing in four behind the car has the colour of its paint."""
    paint = car.finish.paint
    return Road(
        landscape=draw_landscape(sampler, sampler.mixture(GROUNDS), paint, houses=0.65, trees=0.6),
        asphalt=sampler.chance(0.6),
        grey=sampler.uniform(0.2, 0.5),
        line=sampler.chance(0.7) * sampler.uniform(0.6, 0.95),
        edge=sampler.uniform(1.2, 2.6),
        shadow=sampler.uniform(0.4, 0.75),
        post=sampler.chance(0.12),
        post_x=sampler.uniform(-0.4, 0.4),
        post_width=sampler.uniform(0.012, 0.03),
        post_colour=pick(
            sampler.chance(0.5), sampler.colour(0.15, 0.85), sampler.uniform(0.2, 0.7)[..., None] + 0 * paint
        ),
        sign=sampler.uniform(0.04, 0.1),
        sign_y=sampler.uniform(-0.4, 0.0),
    )


def strip(car: Car, near: Array | float, far: Array | float) -> Array:
    """A strip of ground along the car, between two distances to its side, in the frame (N, 4, 2)."""
    reach = 0.8 * car.camera.distance[..., None]
    return car.camera.project(points((-reach, 0.0, near), (-reach, 0.0, far), (reach, 0.0, far), (reach, 0.0, near)))


def paint_road(canvas: Canvas, road: Road, grid: Grid, car: Car) -> None:
    """Asphalt with a bright line at each edge."""
    pixel = grid.pixel
    colour = road.grey[..., None] + np.zeros((1, 3, 1, 1), np.float32)
    inside = cover(polygon(grid, strip(car, road.edge, -road.edge - 2.2)), pixel) * road.asphalt
    canvas.paint(inside, colour)
    for near in (road.edge - 0.15, -road.edge - 1.8):
        line = cover(polygon(grid, strip(car, near, near - 0.14)), pixel) * road.asphalt * (road.line > 0)
        canvas.paint(0.8 * line, road.line[..., None] + 0 * colour)


def paint_shadow(canvas: Canvas, road: Road, grid: Grid, car: Car) -> None:
    """Dark ground under the car, soft at its edges."""
    s = car.shape
    x, z = s.front - 0.1, s.half - 0.02
    corners = car.camera.project(points((-x, 0.0, z), (-x, 0.0, -z), (x, 0.0, -z), (x, 0.0, z)))
    scale = car.camera.scale[..., None]
    distance = polygon(grid, corners, 0.3 * scale) / scale
    dark = road.shadow * smooth(-distance, -0.35, 0.12)
    canvas.paint(dark, np.float32(0.04) + np.zeros((1, 3, 1, 1), np.float32))


def paint_post(canvas: Canvas, road: Road, grid: Grid) -> None:
    """A post with a round sign, before one car in eight; it counts as background."""
    pixel = grid.pixel
    stem = box(grid, road.post_x, 0.55 + road.sign_y, road.post_width, 0.55)
    disc = ellipse(grid, road.post_x, road.sign_y, road.sign, road.sign)
    tone = 1 - 0.3 * np.clip((grid.x - road.post_x) / road.post_width, -1, 1) ** 2
    canvas.paint(cover(stem, pixel) * road.post, road.post_colour * tone[:, None], BACKGROUND)
    canvas.paint(cover(disc, pixel) * road.post, 0.5 * road.post_colour + 0.4, BACKGROUND)
