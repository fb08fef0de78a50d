"""Wheels: treads under the car, and on the near side the discs with their rims in the arches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..drawing.camera import Grid, points
from ..drawing.canvas import Canvas, cover, rgb, smooth
from ..drawing.sampling import Array
from .body import BODY
from .model import Car

WHEEL = 4

WIDTH = 0.23
"""Of a tyre."""
FLATTEST = 0.10
"""A wheel seen from its edge is no thinner than this share of its height; with its tread, it stays a round box."""


class Disc:
    """The pixels in the plane of a wheel: u to the car's front and v down, in metres from the hub; near the wheel."""

    def __init__(self, grid: Grid, car: Car, x: Array, z: Array) -> None:
        camera = car.camera
        hub = points((x, car.shape.wheel, z))
        centre, size = camera.project(hub)[:, 0], camera.scale * camera.closeness(hub)
        # Seen from the edge, the plane has no depth; it is opened a little.
        wide = np.maximum(camera.right[:, :, 0], FLATTEST) * camera.mirror
        lean = -camera.up[:, :, 0]
        self._size = size[..., None]
        self._wide, self._lean, self._tall = (value[..., None] for value in (wide, lean, camera.up[:, :, 1]))
        self.u = (grid.x - centre[:, 0, None, None]) / (self._size * self._wide)
        self.v = (grid.y - centre[:, 1, None, None] - self._size * self._lean * self.u) / (self._size * self._tall)
        inward = camera.right[:, :, 2] * camera.mirror, -camera.up[:, :, 2]
        du = -WIDTH * inward[0] / wide
        dv = (-WIDTH * inward[1] - lean * du) / camera.up[:, :, 1]
        self._tread = du[..., None], dv[..., None]
        self.radius = np.sqrt(self.u * self.u + self.v * self.v)

    def distance(self, radius: Array) -> Array:
        """To a circle of this radius around the hub, in the frame."""
        return self._frame(self.radius - radius, self.u, self.v, self.radius)

    def tread(self, radius: Array) -> Array:
        """To the disc and the tread behind it, in the frame."""
        du, dv = self._tread
        along = np.clip((self.u * du + self.v * dv) / (du * du + dv * dv), 0, 1)
        u, v = self.u - along * du, self.v - along * dv
        ring = np.sqrt(u * u + v * v)
        return self._frame(ring - radius, u, v, ring)

    def _frame(self, distance: Array, u: Array, v: Array, ring: Array) -> Array:
        """A distance in the wheel's plane as one in the frame, by the slope of the way out."""
        down = v / self._tall
        across = (u - self._lean * down) / self._wide
        slope = np.sqrt(across * across + down * down) / np.maximum(ring, 1e-4)
        framed: Array = distance * self._size / np.maximum(slope, 1e-4)
        return framed


def _axles(car: Car) -> Iterator[Array]:
    return iter((car.shape.axle_front, car.shape.axle_rear))


def paint_treads(canvas: Canvas, grid: Grid, car: Car) -> None:
    """All four tyres, those on the far side first; the body will cover most of them."""
    pixel = grid.pixel
    for z in (WIDTH - car.shape.half, car.shape.half - 0.02):
        fore, aft = (Disc(grid, car, x, z).tread(car.shape.wheel) for x in _axles(car))
        distance = np.minimum(fore, aft)
        canvas.paint(cover(distance, pixel), rgb(0.07, 0.07, 0.08), WHEEL)


def paint_wheels(canvas: Canvas, grid: Grid, car: Car, inside: Array) -> None:
    """The discs of the near side, where the camera sees that side; `inside` is the cover of the body."""
    pixel, r = grid.pixel, car.shape.wheel
    side = car.camera.towards[:, :, 2] * car.camera.distance > car.shape.half[:, 0]
    seen = side[..., None].astype(np.float32)
    for x in _axles(car):
        disc = Disc(grid, car, x, car.shape.half)
        canvas.paint(cover(disc.distance(1.16 * r), pixel) * inside * seen, rgb(0.05, 0.05, 0.06), BODY)
        canvas.paint(cover(disc.distance(r), pixel) * seen, rgb(0.11, 0.11, 0.12), WHEEL)
        paint_rim(canvas, car, disc, pixel, seen)


def paint_rim(canvas: Canvas, car: Car, disc: Disc, pixel: float, seen: Array) -> None:
    """Spokes between an outer ring and the hub."""
    r, f = car.shape.wheel, car.finish
    ring = disc.radius / r
    spokes = smooth(np.cos(f.spokes * np.arctan2(disc.v, disc.u) + f.spoke_phase), -0.35, 0.35)
    open_ring = smooth(ring, 0.16, 0.24) * smooth(ring, 0.60, 0.54)
    tone = f.rim * (1 - 0.72 * open_ring * (1 - spokes)) * (1.05 - 0.3 * disc.v / r)
    alpha = cover(disc.distance(0.68 * r), pixel) * seen
    canvas.paint(alpha, tone[:, None] * rgb(1.0, 1.0, 1.02))
