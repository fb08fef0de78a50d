"""The picture and its mask, painted together from back to front."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .sampling import Array


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


def cover(distance: Array, pixel: Array | float) -> Array:
    """How much of each pixel a shape covers, from the signed distance of its centre to the edge (inside < 0)."""
    share: Array = np.clip(0.5 - distance / pixel, 0, 1)
    return share


def glow(x: Array, y: Array, width: float, height: float) -> Array:
    """A soft spot around (0, 0): 1 in its middle, 0 beyond about two widths."""
    spot: Array = np.square(np.maximum(1 - (np.square(x / (2 * width)) + np.square(y / (2 * height))), 0))
    return spot


def smooth(value: Array, low: Array | float, high: Array | float) -> Array:
    """0 below `low`, 1 above `high`, and a soft step between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    step: Array = t * t * (3 - 2 * t)
    return step


def rgb(red: float, green: float, blue: float) -> Array:
    """A colour that fits any batch, (1, 3, 1, 1)."""
    return np.array([red, green, blue], np.float32).reshape(1, 3, 1, 1)
