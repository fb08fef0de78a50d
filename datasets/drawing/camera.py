"""From a thing's own space to the frame: a camera that looks at the thing from any side.

Space is x to the thing's front, y up, z to the side that the camera sees; the frame is [-.5, .5], y down.
A thing that faces the other way is drawn mirrored, so that the near side is always at z > 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .sampling import Array


@dataclass(frozen=True)
class Grid:
    """The pixels' centres in the frame, as a row (1, 1, S) and a column (1, S, 1), and a pixel's side."""

    x: Array
    y: Array
    pixel: float


@dataclass(frozen=True)
class Camera:
    """Where each image's camera stands: directions (N, 1, 3), all else (N, 1)."""

    right: Array
    up: Array
    towards: Array
    """From the thing to the camera."""
    distance: Array
    mirror: Array
    """-1 where right and left are exchanged, else 1."""
    scale: Array
    """Side of a unit of space in the frame, at the origin."""
    x: Array
    y: Array

    def closeness(self, points: Array) -> Array:
        """How large a thing at points (N, K, 3) looks, (N, K); 1 at the origin."""
        near: Array = 1 / np.maximum(1 - (points * self.towards).sum(2) / self.distance, 0.05)
        return near

    def project(self, points: Array) -> Array:
        """Points (N, K, 3) in the frame, (N, K, 2)."""
        size = self.scale * self.closeness(points)
        across = self.x + self.mirror * size * (points * self.right).sum(2)
        return np.stack([across, self.y - size * (points * self.up).sum(2)], axis=2)

    def horizon(self) -> Array:
        """The height in the frame at which level ground ends, (N, 1, 1)."""
        tangent = self.towards[:, :, 1] / self.up[:, :, 1]
        height: Array = self.y - self.scale * self.distance * tangent
        return height[..., None]


def grid(size: int) -> Grid:
    """The grid of an image with this side."""
    line = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5).astype(np.float32)
    return Grid(line[None, None, :], line[None, :, None], 1 / size)


def aim(yaw: Array, pitch: Array, distance: Array, mirror: Array) -> Camera:
    """A camera at this angle from the thing's front (0 to pi) and above the ground; parameters (N, 1, 1)."""
    c, s, flat, high = np.cos(yaw[:, 0]), np.sin(yaw[:, 0]), np.cos(pitch[:, 0]), np.sin(pitch[:, 0])
    none = np.zeros_like(c)
    return Camera(
        right=np.stack([s, none, -c], axis=2),
        up=np.stack([-high * c, flat, -high * s], axis=2),
        towards=np.stack([flat * c, high, flat * s], axis=2),
        distance=distance[:, 0],
        mirror=mirror[:, 0],
        scale=np.ones_like(c),
        x=none,
        y=none,
    )


def fit(camera: Camera, corners: Array, fill: Array, across: Array, down: Array) -> Camera:
    """The camera with what lies between the corners (N, K, 3) in its frame.

    The longer side takes `fill` of the frame; `across` and `down`, in [-1, 1], say where in the rest of it,
    and a little beyond. Parameters are (N, 1, 1).
    """
    seen = camera.project(corners)
    low, high = seen.min(1, keepdims=True), seen.max(1, keepdims=True)
    sides = high - low
    scale = fill / sides.max(2, keepdims=True)
    slack = 0.5 * np.maximum(1.08 - scale * sides, 0.08)
    middle = np.concatenate([across, down], axis=2) * slack - scale * 0.5 * (low + high)
    return replace(camera, scale=scale[:, 0], x=middle[:, :, 0], y=middle[:, :, 1])


def points(*corners: tuple[Array | float, Array | float, Array | float]) -> Array:
    """Corners, each of (N, 1, 1) parameters or numbers, as one array (N, K, 3)."""
    count = max(np.size(value) for corner in corners for value in corner)
    placed: Array = np.empty((count, len(corners), 3), np.float32)
    for k, corner in enumerate(corners):
        for axis, value in enumerate(corner):
            placed[:, k, axis] = value if isinstance(value, float) else value[:, 0, 0]
    return placed
