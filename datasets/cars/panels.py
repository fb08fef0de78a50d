"""Panels: flat pieces of the car's hull, seen from outside; those that face away are left out."""

from __future__ import annotations

import numpy as np

from ..drawing.camera import Grid
from ..drawing.canvas import Canvas, cover
from ..drawing.sampling import Array
from ..drawing.shapes import facing, polygon
from .model import Car


def shade(car: Car, panel: Array) -> Array:
    """The light on a panel (N, K, 3), about .45 to 1.1, (N, 1, 1)."""
    normal = np.cross(panel[:, 2] - panel[:, 0], panel[:, 1] - panel[:, 0])
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    sunny = np.maximum((normal * car.light).sum(1), 0)
    tone: Array = (0.52 + 0.13 * normal[:, 1] + 0.45 * sunny)[:, None, None]
    return tone.astype(np.float32)


class Hull:
    """Panels of one colour, laid over the picture together: where two of them meet, nothing behind shines through."""

    def __init__(self, canvas: Canvas, grid: Grid, car: Car, colour: Array) -> None:
        self._canvas, self._grid, self._car, self._colour = canvas, grid, car, colour
        self._alpha: Array = np.zeros_like(canvas.image[:, 0])
        self._tone: Array = np.zeros_like(canvas.image[:, 0])

    def add(
        self, panel: Array, tone: Array | float = 1.0, gate: Array | float = 1.0, rounding: Array | float = 0.0
    ) -> None:
        """A convex panel, its corners (N, K, 3) clockwise as seen from outside; its tone is a factor of the colour.

        It is drawn where the gate is 1; `rounding` is the radius of its corners, in metres.
        """
        camera = self._car.camera
        corners = camera.project(panel)
        seen = facing(corners, camera.mirror) * gate
        if not seen.any():
            return
        radius = rounding * camera.scale[..., None] if isinstance(rounding, np.ndarray) or rounding > 0 else 0.0
        alpha = cover(polygon(self._grid, corners, radius), self._grid.pixel)
        alpha *= seen
        self._alpha += alpha
        alpha *= tone
        self._tone += alpha

    def lit(self, panel: Array, tone: Array | float = 1.0) -> None:
        """A panel that the light falls on."""
        self.add(panel, tone * shade(self._car, panel))

    def paint(self, label: int | None, tone: Array | float = 1.0, inside: Array | float = 1.0) -> Array:
        """Lay all panels over the picture, within a cover; gives how much of each pixel they cover."""
        alpha: Array = np.minimum(self._alpha, 1) * inside
        shading = self._tone / np.maximum(self._alpha, 1e-3) * tone
        self._canvas.paint(alpha, self._colour * shading[:, None], label)
        return alpha
