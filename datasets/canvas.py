"""The picture and its mask, painted together from back to front."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..dice import Array
from .surroundings import Pattern


class Canvas:
    """Images (N, 3, S, S) in [0, 1] and the label of each pixel's centre, (N, S, S)."""

    def __init__(self, count: int, size: int) -> None:
        self.image: Array = np.zeros((count, 3, size, size), np.float32)
        self.label: npt.NDArray[np.uint8] = np.zeros((count, size, size), np.uint8)

    def paint(self, alpha: Array, colour: Array, label: int | None = None) -> None:
        """Lay a colour over the picture; where it covers the pixel's centre, it gives the label.

        A shape without a label is a shade or a thing as thin as a spectacle frame: the part below keeps its name.
        """
        touched = np.flatnonzero(alpha.any(axis=(1, 2)))
        if len(touched) == 0:
            return
        if len(touched) < len(alpha):
            alpha, colour = alpha[touched], colour[touched] if len(colour) > 1 else colour
        part = self.image if len(alpha) == len(self.image) else self.image[touched]
        paint = colour - part
        paint *= alpha[:, None]
        paint += part
        self.image[touched] = paint
        if label is not None:
            self.label[touched] = np.where(alpha > 0.5, np.uint8(label), self.label[touched])


def cover(distance: Array, pixel: Array) -> Array:
    """How much of each pixel a shape covers, from the signed distance of its centre to the edge (inside < 0)."""
    return np.clip(0.5 - distance / pixel, 0, 1)


def glow(x: Array, y: Array, width: float, height: float) -> Array:
    """A soft spot around (0, 0): 1 in its middle, 0 beyond about two widths."""
    spot: Array = np.square(np.maximum(1 - (np.square(x / (2 * width)) + np.square(y / (2 * height))), 0))
    return spot


def smooth(value: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, and a soft step between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    step: Array = t * t * (3 - 2 * t)
    return step


def weave(pattern: Pattern, x: Array, y: Array, pixel: Array) -> Array:
    """The colours of a pattern at coordinates (N, S, S): (N, 3, S, S)."""
    along = np.cos(pattern.angle) * x + np.sin(pattern.angle) * y
    across = np.cos(pattern.angle) * y - np.sin(pattern.angle) * x
    softness = np.maximum(0.02, pixel)
    phase = pattern.frequency * along + pattern.offset
    bands = np.clip(0.5 + (np.abs(phase - np.rint(phase)) - 0.25) / (pattern.frequency * softness), 0, 1)
    halves = np.clip(0.5 + (along + 0.4 * (pattern.offset - 0.5)) / softness, 0, 1)
    slope = np.clip(0.5 + along, 0, 1)
    blobs = glow(along - 0.35, across - 0.3, 0.2, 0.3) + glow(along + 0.3, across + pattern.offset - 0.4, 0.25, 0.2)
    field = np.where(pattern.kind < 0.35, slope, np.where(pattern.kind < 0.65, blobs, halves))
    field = np.where((pattern.kind >= 0.65) & (pattern.kind < 0.82), bands, field)
    return pattern.first + field[:, None] * (pattern.second - pattern.first)
