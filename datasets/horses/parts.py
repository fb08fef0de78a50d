"""The parts of a horse as chains of round limbs: trunk, legs, head, tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing.camera import Camera, Grid
from ..drawing.canvas import Canvas, cover, rgb, smooth
from ..drawing.sampling import Array
from ..drawing.shapes import chain, limb, melt
from .coat import Coat
from .gait import Build
from .pose import Skeleton

HEAD, TRUNK, LEGS, TAIL = 1, 2, 3, 4


@dataclass(frozen=True)
class Horse:
    """A batch of horses, and what looks at them."""

    skeleton: Skeleton
    build: Build
    coat: Coat
    camera: Camera
    light: Array
    """Where the light comes from in the frame, (N, 2)."""


class Brush:
    """Paints the parts of a batch of horses."""

    def __init__(self, canvas: Canvas, grid: Grid, horse: Horse, dyed: Array) -> None:
        self.canvas, self.grid, self.horse, self.dyed = canvas, grid, horse, dyed
        self.pixel = grid.pixel
        self.scale = horse.camera.scale[..., None]

    def thread(
        self, joints: Array, radii: tuple[float, ...], melting: float, stout: Array | float = 1.0
    ) -> tuple[Array, Array]:
        """The distance to a chain of limbs, and the light on it; radii, and over how much they melt, as in space."""
        camera = self.horse.camera
        wide = np.array([radii], np.float32) * camera.scale * camera.closeness(joints)
        wide = wide * (stout[:, 0] if isinstance(stout, np.ndarray) else stout)
        return chain(self.grid, camera.project(joints), wide, self.horse.light, melting * self.scale)

    def lay(
        self,
        shape: tuple[Array, Array],
        colour: Array,
        label: int | None,
        gate: Array | float = 1.0,
        dark: float = 1.0,
    ) -> None:
        """Paint a shape, lit on its upper side."""
        distance, tone = shape
        self.canvas.paint(cover(distance, self.pixel) * gate, colour * (dark * (0.80 + 0.30 * tone))[:, None], label)


def paint_trunk(brush: Brush) -> None:
    """Torso, haunch and neck as one, and the mane on the neck."""
    horse, width = brush.horse, 0.10 * brush.scale
    body = brush.thread(horse.skeleton.torso, (0.185, 0.205, 0.180), 0.16, horse.build.girth)
    for haunch in horse.skeleton.haunches[:1]:
        thigh = brush.thread(haunch, (0.150, 0.085), 0.0001, horse.build.girth)
        body = melt(body[0], thigh[0], (body[1], thigh[1]), 0.06 * brush.scale)
    neck = brush.thread(horse.skeleton.neck, (0.160, 0.118, 0.074), 0.05)
    brush.lay(melt(body[0], neck[0], (body[1], neck[1]), width), brush.dyed, TRUNK)


def paint_mane(brush: Brush, gate: Array) -> None:
    """Hair along the crest."""
    mane = brush.thread(brush.horse.skeleton.mane, (0.022, 0.060, 0.044), 0.03)
    brush.lay(mane, brush.horse.coat.mane, TRUNK, gate)


def paint_leg(brush: Brush, which: int, gate: Array) -> None:
    """One leg with its sock and its hoof; those of the far side lie in the shade."""
    horse, dark = brush.horse, 0.72 if which >= 2 else 1.0
    joints = horse.skeleton.legs[which]
    thick = (0.085, 0.046, 0.036, 0.038) if which % 2 == 0 else (0.100, 0.050, 0.038, 0.040)
    distance, tone = brush.thread(joints[:, :4], thick, 0.04)
    # Its upper end has the shade of the belly, into which it merges.
    seen = horse.camera.project(joints[:, :2])
    free = smooth(share(brush, seen[:, 0], seen[:, 1]), -0.2, 0.6)
    brush.lay((distance, free * (tone + 0.6) - 0.6), brush.dyed, LEGS, gate, dark)
    shin = 0.55 * joints[:, 1:2] + 0.45 * joints[:, 2:3]
    sock = brush.thread(np.concatenate([shin, joints[:, 2:4]], axis=1), (0.042, 0.037, 0.039), 0.02)
    brush.lay(sock, horse.coat.socks, None, gate * horse.coat.sock[which] * (distance < 0.5 * brush.pixel), dark)
    hoof = brush.thread(joints[:, 3:5], (0.040, 0.050), 0.0001)
    brush.lay(hoof, horse.coat.hoof, LEGS, gate, dark)


def paint_tail(brush: Brush, gate: Array) -> None:
    """The tail, of the same hair as the mane."""
    tail = brush.thread(brush.horse.skeleton.tail, (0.028, 0.040, 0.058, 0.018), 0.05)
    brush.lay(tail, brush.horse.coat.mane, TAIL, gate)


def paint_head(brush: Brush, gate: Array) -> None:
    """Ears, skull and muzzle, with eye, nostril, blaze and forelock."""
    horse = brush.horse
    for which in (1, 0):
        ear = brush.thread(horse.skeleton.ears[which], (0.027, 0.008), 0.0001)
        brush.lay(ear, brush.dyed, HEAD, gate, 0.85 if which else 1.0)
    skull = brush.thread(horse.skeleton.head, (0.088, 0.060, 0.050), 0.04)
    joints = horse.camera.project(horse.skeleton.head)
    along = share(brush, joints[:, 0], joints[:, 2])
    dark = (horse.coat.muzzle * smooth(along, 0.72, 1.1))[:, None]
    brush.lay(skull, brush.dyed * (1 - 0.75 * dark), HEAD, gate)
    paint_features(brush, cover(skull[0], brush.pixel) * gate)


def paint_features(brush: Brush, inside: Array) -> None:
    """What lies on the skull, within its cover."""
    horse, head = brush.horse, brush.horse.skeleton.head
    brow, muzzle = head[:, 0], head[:, 2]
    forward = (muzzle - brow) / np.linalg.norm(muzzle - brow, axis=1, keepdims=True)
    side = np.array([[0.0, 0.0, 1.0]], np.float32)
    top = np.cross(side, forward)
    stripe = np.stack([brow + 0.08 * top, muzzle + 0.04 * top - 0.04 * forward], axis=1)
    white = brush.thread(stripe, (1.0, 0.6), 0.0001, horse.coat.blaze)
    brush.lay(white, rgb(0.93, 0.92, 0.88), None, inside * (horse.coat.blaze > 0))
    lock = np.stack([brow + 0.09 * top - 0.05 * forward, brow + 0.08 * top + 0.07 * forward], axis=1)
    brush.lay(brush.thread(lock, (0.035, 0.012), 0.0001), horse.coat.mane, None, inside)
    for z in (0.065, -0.065):
        _spot(brush, brow + 0.045 * forward + 0.03 * top + z * side, 0.017, inside, z)
        _spot(brush, muzzle + 0.015 * forward + 0.012 * top + 0.6 * z * side, 0.013, inside, z)


def share(brush: Brush, start: Array, end: Array) -> Array:
    """How far each pixel lies along the way between two points (N, 2): 0 at the start, 1 at the end."""
    step = end - start
    square = np.maximum(np.square(step).sum(1), 1e-6)[:, None, None]
    across, down = brush.grid.x - start[:, 0, None, None], brush.grid.y - start[:, 1, None, None]
    along: Array = (across * step[:, 0, None, None] + down * step[:, 1, None, None]) / square
    return along


def _spot(brush: Brush, at: Array, radius: float, inside: Array, z: float) -> None:
    """An eye or a nostril, unless it is on the side that the camera does not see."""
    camera = brush.horse.camera
    towards = camera.towards[:, 0, :]
    seen = (z * towards[:, 2] + 0.05 * np.maximum(towards[:, 0], 0) > 0).astype(np.float32)[:, None, None]
    place = camera.project(at[:, None])[:, 0]
    size = np.float32(radius) * camera.scale
    distance, _ = limb(brush.grid, place, place + 1e-4, size, size, brush.horse.light)
    brush.canvas.paint(cover(distance, brush.pixel) * inside * seen, rgb(0.05, 0.04, 0.04))
