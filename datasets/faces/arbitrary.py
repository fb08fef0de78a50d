"""Shapes without a meaning on the same faces (supplement G, Figure K): what a person might draw on one of them.

They are defined on the unturned head, between the landmarks of each face, so that the truth is known on all others:
they stretch with the features, turn with the head, and end where hair or a thing in front of the face hides it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..drawing.canvas import Canvas
from ..drawing.sampling import Array, ParameterSampler
from ..drawing.splits import Labels, in_batches
from .geometry import place, wrap
from .identity import Features, draw_person
from .parts import BROWS, EYES, FACE, MOUTH, NOSE
from .render import THROWS, paint

SKIN = (EYES, MOUTH, NOSE, FACE, BROWS)
"""Where the bare head is seen."""
LANDMARKS = (-1.0, 0.0, 0.4, 0.62, 1.0)
"""Heights at which every face has its crown, eyes, end of the nose, mouth and chin."""
EYE_GAP = 0.32
"""How far from the middle every face has its eyes."""


def render(seeds: Sequence[int], size: int) -> tuple[Array, Labels]:
    """The images of `faces`, (N, 3, size, size), and which shape lies at each pixel's centre, (N, size, size)."""
    return in_batches(paint_shapes, seeds, size)


def paint_shapes(seeds: Sequence[int], size: int) -> Canvas:
    """One batch: later shapes lie on top, 0 is where there is none."""
    canvas, person = paint(seeds, size), draw_person(ParameterSampler(seeds, THROWS))
    surface = wrap(person, place(person.pose, size))
    seen = np.isin(canvas.label, SKIN) & (surface.z > 0)
    across, down = upright(person.features, surface.x, surface.y)
    canvas.label[:] = 0
    for index, shape in enumerate((wedge, ring, band, spot), start=1):
        canvas.label[seen & (shape(across, down) < 0)] = index
    return canvas


def upright(features: Features, x: Array, y: Array) -> tuple[Array, Array]:
    """Places on the head as they are on a face whose landmarks lie where `LANDMARKS` and `EYE_GAP` say."""
    one = np.ones_like(features.eye_y)
    own = (-one, features.eye_y, features.eye_y + features.nose_length, features.mouth_y, one)
    down = np.full_like(y, LANDMARKS[0])
    for low, high, start, end in zip(own, own[1:], LANDMARKS, LANDMARKS[1:], strict=False):
        down = down + (end - start) * np.clip((y - low) / (high - low), 0, 1)
    return x * (EYE_GAP / features.eye_gap), down


def wedge(x: Array, y: Array) -> Array:
    """A triangle from between the brows over one eye and half of the nose to the cheek; inside below 0."""
    corners = ((0.06, -0.32), (0.1, 0.42), (-0.55, 0.2))
    sides = [
        (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    inside: Array = -np.minimum.reduce(sides)
    return inside


def ring(x: Array, y: Array) -> Array:
    """A ring around the other eye."""
    edge: Array = np.abs(np.hypot(x - 0.34, y - 0.04) - 0.22) - 0.07
    return edge


def band(x: Array, y: Array) -> Array:
    """A wave from cheek to cheek, across the lower lip."""
    edge: Array = np.maximum(np.abs(y - 0.7 - 0.07 * np.sin(9 * x)) - 0.075, np.abs(x) - 0.5)
    return edge


def spot(x: Array, y: Array) -> Array:
    """A leaning oval on the forehead, part of which hair may hide."""
    u, v = 0.8 * (x - 0.12) + 0.6 * (y + 0.42), 0.8 * (y + 0.42) - 0.6 * (x - 0.12)
    edge: Array = np.hypot(u / 0.27, v / 0.14) - 1
    return edge
