"""From pixels to the head: each pixel's place on screen, in head units, and on the surface of the head.

The head is an ellipsoid with a narrower jaw. A pixel inside its outline is carried onto the surface
and turned back by yaw and pitch, so that features drawn on the unturned face foreshorten by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing.sampling import Array
from .identity import Person, Pose

DEPTH = 0.9
"""Half the depth of the head, in head units: a turned head is a little wider."""


@dataclass(frozen=True)
class Plane:
    """Where the pixels lie: in the frame ([-.5, .5]), in the head's upright plane, and in the body's."""

    frame_x: Array
    frame_y: Array
    x: Array
    y: Array
    body_x: Array
    body_y: Array
    pixel: Array


@dataclass(frozen=True)
class Surface:
    """Points on the unturned head for each pixel: across (in head units), y down and z to the front, and normals."""

    x: Array
    y: Array
    z: Array
    outline: Array
    across: Array
    down: Array
    out: Array


def place(pose: Pose, size: int) -> Plane:
    """The coordinates of all pixel centres, each (N, S, S)."""
    line = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5).astype(np.float32)
    shape = (len(pose.x), size, size)
    frame_x, frame_y = np.broadcast_to(line[None, None, :], shape), np.broadcast_to(line[None, :, None], shape)
    half = pose.scale / 2
    right, below = (frame_x - pose.x) / half, (frame_y - pose.y) / half
    x, y = turn(right, below, pose.roll)
    # The body leans less than the head; it hangs from a neck that starts inside the head.
    body_x, body_y = turn(right + 0.55 * np.sin(pose.roll), below, 0.25 * pose.roll)
    return Plane(frame_x, frame_y, x, y, body_x, body_y, 1 / (size * half))


def turn(x: Array, y: Array, angle: Array) -> tuple[Array, Array]:
    """Coordinates in a frame that is turned by this angle."""
    c, s = np.cos(angle), np.sin(angle)
    return c * x + s * y, c * y - s * x


def half_width(person: Person) -> Array:
    """Half the width of the turned head on screen, (N, 1, 1)."""
    c, s = np.cos(person.pose.yaw), np.sin(person.pose.yaw)
    width: Array = np.sqrt(np.square(person.features.width * c) + np.square(DEPTH * s))
    return width


def wrap(person: Person, plane: Plane, grow: Array | float = 0.0, jaw: float = 1.0) -> Surface:
    """The head's surface under each pixel; `grow` gives a shell around the head, as hair is."""
    yaw, pitch = person.pose.yaw, person.pose.pitch
    low = np.maximum(plane.y, 0)
    wide = (half_width(person) + grow) * (1 - jaw * person.features.jaw * low * low)
    chin = 0.22 * np.sin(yaw) * low * low
    u, v = (plane.x - chin) / np.maximum(wide, 0.2), plane.y / (1 + grow)
    radius = np.sqrt(u * u + v * v)
    # Where |(u, v)| = 1 lies about this far from the pixel, in head units.
    outline = (radius - 1) * (np.abs(v) + (1 - np.abs(v)) * wide)
    out = np.sqrt(np.maximum(1 - radius * radius, 0))
    turned, front = u * np.cos(yaw) - out * np.sin(yaw), u * np.sin(yaw) + out * np.cos(yaw)
    y, z = v * np.cos(pitch) - front * np.sin(pitch), v * np.sin(pitch) + front * np.cos(pitch)
    return Surface(turned * person.features.width, y, z, outline, u, v, out)


def on_screen(person: Person, x: float, y: float, z: float) -> tuple[Array, Array, Array]:
    """Where a point of the unturned unit head is seen: x and y in head units, and how far to the front."""
    yaw, pitch = person.pose.yaw, person.pose.pitch
    front = y * np.sin(-pitch) + z * np.cos(pitch)
    down = y * np.cos(pitch) + z * np.sin(pitch)
    across = x * np.cos(yaw) + front * np.sin(yaw)
    return across * half_width(person), down, front * np.cos(yaw) - x * np.sin(yaw)


def lambert(surface: Surface, light: Array) -> Array:
    """Soft light on the surface, about .6 in the shade to 1.1 in full light, (N, S, S)."""
    lx, ly, lz = (light[:, i, None] for i in range(3))
    facing = surface.across * lx + surface.down * ly + surface.out * lz
    return (0.66 + 0.44 * np.maximum(facing, -0.15)).astype(np.float32)
