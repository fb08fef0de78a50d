"""Shapes in the frame, as signed distances (N, S, S), inside below zero: polygons, discs, chains of round limbs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from .camera import Grid
from .sampling import Array

NOWHERE = 9.0
"""The distance of a shape that is not there."""


def polygon(grid: Grid, corners: Array, rounding: Array | float = 0.0) -> Array:
    """A convex polygon with corners (N, K, 2) in either sense; `rounding` (N, 1, 1) is the radius of its corners."""
    sides = _sides(grid, corners)
    if isinstance(rounding, float) and rounding == 0:
        distance = next(sides).copy()
        for side in sides:
            np.maximum(distance, side, out=distance)
        return distance
    return _rounded(sides, rounding)


def _sides(grid: Grid, corners: Array) -> Iterator[Array]:
    """How far each pixel lies beyond each side, (N, S, S); the next one is written over the last."""
    step = _following(corners) - corners
    length = np.maximum(np.sqrt(np.square(step).sum(2)), 1e-6)
    sense = np.sign(winding(corners))[:, 0]
    across, down = (sense * side / length for side in (step[:, :, 1], -step[:, :, 0]))
    offset = across * corners[:, :, 0] + down * corners[:, :, 1]
    side = np.empty((len(corners), grid.y.size, grid.x.size), np.float32)
    for k in range(corners.shape[1]):
        column = down[:, k, None, None] * grid.y - offset[:, k, None, None]
        yield np.add(across[:, k, None, None] * grid.x, column, out=side)


def _rounded(sides: Iterator[Array], rounding: Array | float) -> Array:
    deepest = next(sides) + rounding
    beyond: Array = np.square(np.maximum(deepest, 0))
    for side in sides:
        side += rounding
        np.maximum(deepest, side, out=deepest)
        np.maximum(side, 0, out=side)
        side *= side
        beyond += side
    np.sqrt(beyond, out=beyond)
    beyond += np.minimum(deepest, 0, out=deepest)
    beyond -= rounding
    return beyond


def winding(corners: Array) -> Array:
    """Twice the area inside corners (N, K, 2), positive where they run clockwise on screen, (N, 1, 1)."""
    following = _following(corners)
    turns = corners[:, :, 0] * following[:, :, 1] - corners[:, :, 1] * following[:, :, 0]
    area: Array = turns.sum(1)[:, None, None]
    return area


def facing(corners: Array, mirror: Array) -> Array:
    """1 where a panel whose corners run clockwise, seen from outside, shows its outside, else 0, (N, 1, 1)."""
    return (winding(corners) * mirror[:, :, None] > 0).astype(np.float32)


def box(grid: Grid, x: Array, y: Array, width: Array, height: Array | float) -> Array:
    """An upright rectangle around (x, y), of these half sides."""
    distance: Array = np.maximum(np.abs(grid.x - x) - width, np.abs(grid.y - y) - height)
    return distance


def ellipse(grid: Grid, x: Array, y: Array, width: Array, height: Array) -> Array:
    """An upright ellipse around (x, y), of these half axes; the distance is exact to first order at the border."""
    u, v = (grid.x - x) / width, (grid.y - y) / height
    ring = np.sqrt(u * u + v * v)
    steep = np.sqrt(np.square(u / width) + np.square(v / height))
    distance: Array = ring * (ring - 1) / np.maximum(steep, 1e-6)
    return distance


def limb(grid: Grid, start: Array, end: Array, thick: Array, thin: Array, light: Array) -> tuple[Array, Array]:
    """A round limb between two points (N, 2), from one radius (N, 1) to the other; and the light on its roundness.

    The light falls from a direction (N, 2) in the frame; its tone is -1 where the limb turns away and 1 where it faces.
    """
    (x, y), (dx, dy), (lx, ly) = _parts(start), _parts(end - start), _parts(light)
    square = np.maximum(dx * dx + dy * dy, 1e-8)
    right, below = grid.x - x, grid.y - y
    along = np.clip(right * (dx / square) + below * (dy / square), 0, 1)
    # In place from here on: a horse is forty limbs, and fresh memory costs more than the sums.
    across, down = along * dx, along * dy
    np.subtract(right, across, out=across)
    np.subtract(below, down, out=down)
    tone = lx * across
    tone += ly * down
    distance = np.sqrt(_square_sum(across, down), out=across)
    along *= (thin - thick)[..., None]
    along += thick[..., None]
    tone /= np.maximum(along, distance, out=down)
    distance -= along
    return distance, tone


def melt(one: Array, other: Array, tones: tuple[Array, Array], width: Array | float) -> tuple[Array, Array]:
    """Two shapes that flow into each other over this width, and their tone."""
    share = np.clip(0.5 + (one - other) * (0.5 / width), 0, 1)
    distance = other - one
    distance -= width
    distance += width * share
    distance *= share
    distance += one
    tone = tones[1] - tones[0]
    tone *= share
    tone += tones[0]
    return distance, tone


def chain(grid: Grid, joints: Array, radii: Array, light: Array, width: Array | float) -> tuple[Array, Array]:
    """Limbs from joint to joint (N, K, 2) with radii (N, K), melted together; and the light on them."""
    ends = [(joints[:, k], radii[:, k, None]) for k in range(joints.shape[1])]
    distance, tone = limb(grid, ends[0][0], ends[1][0], ends[0][1], ends[1][1], light)
    for (start, thick), (end, thin) in pairwise(ends[1:]):
        further, lit = limb(grid, start, end, thick, thin, light)
        distance, tone = melt(distance, further, (tone, lit), width)
    return distance, tone


def _parts(vector: Array) -> tuple[Array, Array]:
    return vector[:, 0, None, None], vector[:, 1, None, None]


def _square_sum(one: Array, other: Array) -> Array:
    """The sum of two squares, written over the first; the second is spoilt."""
    one *= one
    other *= other
    one += other
    return one


def _following(corners: Array) -> Array:
    """For each corner the next one; np.roll takes longer than the drawing."""
    return np.concatenate([corners[:, 1:], corners[:, :1]], axis=1)
