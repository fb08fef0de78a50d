"""What is not the head: background, clothes, neck, occluder."""

from __future__ import annotations

import numpy as np

from ..drawing.canvas import Canvas, cover, smooth
from ..drawing.pattern import Pattern, weave
from ..drawing.sampling import Array
from .geometry import Plane, turn
from .identity import Person
from .surroundings import Clothes, Occluder

BACKGROUND, CLOTHES, NECK = 0, 5, 9

COLLAR_BONE = 1.18
"""Where the neck meets the shoulders, in head units below the middle of the head."""


def paint_background(canvas: Canvas, pattern: Pattern, plane: Plane) -> None:
    """A pattern over the whole frame."""
    pixel = np.full_like(plane.pixel, 1 / plane.frame_x.shape[-1])
    canvas.image[:] = weave(pattern, plane.frame_x, plane.frame_y, pixel)


def paint_clothes(canvas: Canvas, clothes: Clothes, plane: Plane, light: Array) -> None:
    """Shoulders that fall away from the neck."""
    x, out = plane.body_x, np.abs(plane.body_x) / clothes.shoulders
    fall = clothes.drop * out + 0.8 * np.square(out * out * out)
    slope = (clothes.drop + 4.8 * out * np.square(out * out)) / clothes.shoulders
    edge = (COLLAR_BONE - 0.08 + fall - plane.body_y) / np.sqrt(1 + slope * slope)
    tone = 0.86 + 0.22 * np.clip(x * light[:, 0, None], -0.6, 0.6) - 0.2 * smooth(out, 0.6, 1.1)
    fabric = weave(clothes.pattern, 0.5 * x, 0.5 * plane.body_y, 0.5 * plane.pixel)
    canvas.paint(cover(edge, plane.pixel), fabric * tone[:, None], CLOTHES)


def paint_neck(canvas: Canvas, person: Person, clothes: Clothes, plane: Plane) -> None:
    """The neck with the neckline below it, in the shadow of the chin; around it perhaps a collar."""
    x, y, wide = plane.body_x, plane.body_y, clothes.neck_width
    flare = wide + 0.25 * np.square(np.maximum(y - 0.85, 0))
    column = np.maximum(np.abs(x) - flare, y - COLLAR_BONE)
    u, v = np.abs(x) / (wide * 1.15), np.maximum(y - COLLAR_BONE + 0.06, 0) / (clothes.neckline + 0.06)
    round_edge, pointed_edge = np.sqrt(u * u + v * v) - 1, (u + v - 1) * 0.8
    neckline = np.where(clothes.pointed > 0.5, pointed_edge, round_edge) * wide
    opening = np.maximum(neckline, COLLAR_BONE - 0.06 - y)
    band = cover(opening - clothes.collar, plane.pixel) * (clothes.collar > 0) * (y > COLLAR_BONE - 0.1)
    canvas.paint(band, 0.75 * clothes.pattern.second + 0.12, CLOTHES)
    edge = np.maximum(np.minimum(column, opening), 0.2 - y)
    tone = 0.92 - 0.28 * smooth(-y, -1.25, -0.85) - 0.12 * np.square(x / wide) + 0.2 * x * person.pose.light[:, 0, None]
    canvas.paint(cover(edge, plane.pixel), person.features.skin * np.clip(tone, 0.3, 1.1)[:, None], NECK)


def paint_occluder(canvas: Canvas, occluder: Occluder, plane: Plane) -> None:
    """A held thing: a stick from below with a round end; it counts as background."""
    x, y = turn(plane.x - occluder.x, plane.y - occluder.y, occluder.angle)
    stick = np.sqrt(np.square(x) + np.square(np.minimum(y, 0))) - occluder.thick
    ball = np.sqrt(x * x + y * y) - occluder.knob
    tone = 0.95 - 0.35 * np.clip(x / occluder.knob, -1, 1) ** 2
    canvas.paint(cover(stick, plane.pixel) * occluder.present, occluder.colour * tone[:, None], BACKGROUND)
    canvas.paint(cover(ball, plane.pixel) * occluder.present, occluder.knob_colour * tone[:, None], BACKGROUND)
