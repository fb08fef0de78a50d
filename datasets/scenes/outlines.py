"""Outlines of things: the signed distance of each pixel to the border, inside below zero.

Each takes coordinates (N, S, S) from the middle of the thing, in half sides of the image, and its traits; the distance
is exact to first order at the border, which is what antialiasing needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from ..drawing.sampling import Array, ParameterSampler

CORNERS = 7
"""Most corners of a polygon."""


@dataclass(frozen=True)
class Traits:
    """What gives a thing its outline, each (N, 1, 1); which ones count depends on the outline."""

    radius: Array
    aspect: Array
    corners: Array
    """Corners of a polygon, points of a star."""
    depth: Array
    """How deep waves and notches are, in [0, 1)."""
    phase: Array
    jitter: Array
    """(N, 2 * CORNERS, 1, 1) in [0, 1)."""

    def rows(self, rows: npt.NDArray[np.int64]) -> Traits:
        """The traits of some scenes."""
        return Traits(*(getattr(self, field.name)[rows] for field in fields(self)))


def draw_traits(sampler: ParameterSampler, small: float, large: float) -> Traits:
    """Traits of a thing whose radius is between `small` and `large`."""
    return Traits(
        radius=sampler.log_uniform(small, large),
        aspect=sampler.uniform(0.35, 1.0),
        corners=np.floor(sampler.uniform(3.0, CORNERS + 1)),
        depth=sampler.uniform(0.0, 0.99),
        phase=sampler.uniform(0.0, 2 * np.pi),
        jitter=np.stack([sampler.unit() for _ in range(2 * CORNERS)], axis=1),
    )


def ellipse(x: Array, y: Array, traits: Traits) -> Array:
    """An ellipse."""
    width, height = traits.radius, traits.radius * traits.aspect
    u, v = x / width, y / height
    ring = np.sqrt(u * u + v * v)
    steep = np.sqrt(np.square(u / width) + np.square(v / height))
    distance: Array = ring * (ring - 1) / np.maximum(steep, 1e-6)
    return distance


def bar(x: Array, y: Array, traits: Traits) -> Array:
    """A rectangle, often long and thin."""
    height = traits.radius * (0.08 + 0.6 * traits.depth)
    distance: Array = np.maximum(np.abs(x) - traits.radius, np.abs(y) - height)
    return distance


def polygon(x: Array, y: Array, traits: Traits) -> Array:
    """An irregular convex polygon: what lies within several half-planes."""
    distance = np.full(x.shape, -np.inf, np.float32)
    for corner in range(int(traits.corners.max())):
        turn, near = traits.jitter[:, 2 * corner], traits.jitter[:, 2 * corner + 1]
        angle = (2 * np.pi / traits.corners) * (corner + 0.5 * turn - 0.25)
        edge = np.cos(angle) * x + np.sin(angle) * y - traits.radius * (0.55 + 0.35 * near)
        distance = np.where(corner < traits.corners, np.maximum(distance, edge), distance)
    return distance


def star(x: Array, y: Array, traits: Traits) -> Array:
    """A star: one edge between a tip and a notch, folded around."""
    sector = 2 * np.pi / traits.corners
    turns = np.arctan2(y, x) / sector
    angle = np.abs(turns - np.rint(turns)) * sector
    ring = np.sqrt(x * x + y * y)
    notch = traits.radius * (0.3 + 0.4 * traits.depth)
    across, along = notch * np.sin(sector / 2), traits.radius - notch * np.cos(sector / 2)
    edge = (ring * np.cos(angle) - traits.radius) * across + ring * np.sin(angle) * along
    distance: Array = edge / np.sqrt(across * across + along * along)
    return distance


def blob(x: Array, y: Array, traits: Traits) -> Array:
    """A round thing with a wavy border."""
    angle, ring = np.arctan2(y, x), np.sqrt(x * x + y * y)
    border, slope = np.ones_like(x), np.zeros_like(x)
    for wave in (2, 3, 5):
        high = 0.35 * traits.depth * traits.jitter[:, wave] / np.float32(np.sqrt(wave))
        at = wave * angle + 2 * np.pi * traits.jitter[:, wave + CORNERS]
        border += high * np.cos(at)
        slope -= wave * high * np.sin(at)
    distance: Array = (ring - traits.radius * border) / np.sqrt(1 + np.square(slope / border))
    return distance


def horizon(x: Array, y: Array, traits: Traits) -> Array:
    """Half of the plane, behind a straight or wavy border."""
    wave = 1.5 + traits.corners
    high = 0.3 * np.maximum(traits.depth - 0.4, 0) / wave
    at = wave * x + traits.phase
    distance: Array = (y + high * np.sin(at)) / np.sqrt(1 + np.square(high * wave * np.cos(at)))
    return distance


OUTLINES: tuple[Callable[[Array, Array, Traits], Array], ...] = (ellipse, bar, polygon, star, blob, horizon)
SHARES = (4, 3, 4, 2, 4, 1)
"""How often each outline is drawn."""


ABSENT = -1
"""The kind of a thing that is not there: nowhere inside, and far from everywhere."""


def outline(x: Array, y: Array, traits: Traits, kinds: npt.NDArray[np.int64]) -> Array:
    """The signed distance (N, S, S) to each scene's own kind of outline."""
    distance = np.full(x.shape, 9, np.float32)
    for kind, draw in enumerate(OUTLINES):
        rows = np.flatnonzero(kinds == kind)
        if len(rows):
            distance[rows] = draw(x[rows], y[rows], traits.rows(rows))
    return distance
