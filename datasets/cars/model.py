"""Which car is in the picture, and from where it is seen: the parameters of a batch, drawn from their seeds.

Lengths are in metres: x to the front from the middle of the car, y up from the road, z to the near side.
Scalars have shape (N, 1, 1) and colours (N, 3, 1, 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..drawing.camera import Camera, aim, fit, points
from ..drawing.sampling import Array, ParameterSampler, pick

SALT = 4
"""Of the dice of cars (the paper's Table 4)."""

PAINTS = (
    (0.10, 0.11, 0.13), (0.32, 0.34, 0.37), (0.72, 0.74, 0.76), (0.93, 0.93, 0.92),
    (0.75, 0.10, 0.10), (0.60, 0.08, 0.14), (0.12, 0.22, 0.55), (0.22, 0.48, 0.75),
    (0.10, 0.32, 0.22), (0.55, 0.62, 0.35), (0.90, 0.72, 0.15), (0.86, 0.42, 0.12),
)  # fmt: skip

KINDS = ("sedan", "hatchback", "estate", "van", "pickup", "coupe")
SHARES = (5, 4, 3, 3, 3, 2)
"""How often each kind is drawn."""
VAN, PICKUP, COUPE = 3, 4, 5

REACH = 0.22
"""How far the ends of the roof slope, as a share of its length."""

# Per kind: length, height, belt, height of the bonnet's front; lengths of bonnet, boot, windscreen, rear window.
SIZES = np.array([
    (4.60, 1.46, 0.94, 0.74, 1.25, 0.85, 0.80, 0.70),
    (4.00, 1.50, 0.96, 0.76, 1.00, 0.22, 0.75, 0.35),
    (4.50, 1.66, 1.04, 0.88, 1.05, 0.22, 0.65, 0.28),
    (4.70, 1.95, 1.12, 0.92, 0.62, 0.16, 0.65, 0.12),
    (5.10, 1.76, 1.10, 0.95, 1.20, 1.75, 0.62, 0.18),
    (4.30, 1.32, 0.88, 0.70, 1.40, 0.55, 0.90, 0.90),
], np.float32)  # fmt: skip


@dataclass(frozen=True)
class CarShape:
    """The outline of the car."""

    kind: npt.NDArray[np.int64]
    """Index into `KINDS`, (N,)."""
    front: Array
    """Where the car ends in front; it ends behind at `-front`."""
    height: Array
    belt: Array
    """The height at which the windows begin."""
    nose: Array
    """The height of the bonnet at its front end."""
    cowl: Array
    """Where the windscreen begins."""
    tail: Array
    """Where the rear window ends."""
    roof_front: Array
    roof_rear: Array
    dome: Array
    """How much higher the roof is in its middle than at its ends."""
    half: Array
    """Half the width."""
    bottom: Array
    wheel: Array
    """The radius of the wheels."""
    axle_front: Array
    axle_rear: Array


@dataclass(frozen=True)
class Finish:
    """Colours and details."""

    paint: Array
    trim: Array
    """Of bumpers and sills: the paint, or dark plastic."""
    glass: Array
    rim: Array
    spokes: Array
    spoke_phase: Array
    plate: Array
    plate_colour: Array
    plate_height: Array
    plate_width: Array
    light_height: Array
    light_width: Array
    lamp: Array
    """Colour of the headlights."""
    grille: Array
    pillar: Array
    panel_van: Array
    """1 for a van without windows behind the front door."""
    gleam: Array


@dataclass(frozen=True)
class Car:
    """A batch of cars and of cameras that look at them."""

    shape: CarShape
    finish: Finish
    camera: Camera
    light: Array
    """Direction to the light in the car's space, (N, 3)."""


def draw_shape(sampler: ParameterSampler) -> CarShape:
    """One of the kinds, stretched a little in each direction."""
    kind = sampler.choice(SHARES)
    length, height, belt, nose, bonnet, boot, screen, rear = (
        SIZES[kind, column, None, None] * sampler.uniform(0.93, 1.07) for column in range(SIZES.shape[1])
    )
    front = 0.5 * length
    belt = np.minimum(belt, height - 0.42)
    cowl, tail = front - bonnet, boot - front
    wheel = sampler.uniform(0.31, 0.37) + 0.05 * (kind == PICKUP)[:, None, None].astype(np.float32)
    rise, roof = height - 0.07 - belt, cowl - screen - tail - rear
    return CarShape(
        kind=kind,
        front=front,
        height=height,
        belt=belt,
        nose=np.minimum(nose, belt - 0.1),
        cowl=cowl,
        tail=tail,
        roof_front=cowl - screen,
        roof_rear=tail + rear,
        # The roof is flatter than the slopes before and behind it: a panel has to be convex.
        dome=np.minimum(0.07, 0.7 * REACH * roof * rise / np.maximum(screen, rear)),
        half=sampler.uniform(0.84, 0.95),
        bottom=wheel - sampler.uniform(0.06, 0.14),
        wheel=wheel,
        axle_front=front - sampler.uniform(0.78, 0.92),
        axle_rear=sampler.uniform(0.78, 1.0) - front,
    )


def draw_finish(sampler: ParameterSampler) -> Finish:
    """Paint, glass, rims, plate and lamps."""
    anchors = sampler.mixture(PAINTS)
    paint = np.clip(pick(sampler.chance(0.15), sampler.colour(0.1, 0.9), anchors), 0.05, 0.95)
    dark = sampler.uniform(0.10, 0.22)[..., None] + 0 * paint
    yellow = np.array([0.95, 0.80, 0.25], np.float32)[:, None, None] + 0 * paint
    white = np.array([0.94, 0.94, 0.90], np.float32)[:, None, None] + 0 * paint
    return Finish(
        paint=paint,
        trim=pick(sampler.chance(0.4), dark, 0.92 * paint),
        glass=sampler.uniform(0.10, 0.34)[..., None] * np.array([0.85, 1.0, 1.12], np.float32)[:, None, None],
        rim=sampler.uniform(0.25, 0.85),
        spokes=np.floor(sampler.uniform(4.0, 9.0)),
        spoke_phase=sampler.uniform(0.0, 2 * np.pi),
        plate=sampler.chance(0.96),
        plate_colour=pick(sampler.chance(0.3), yellow, white),
        plate_height=sampler.uniform(0.075, 0.105),
        plate_width=sampler.uniform(0.25, 0.31),
        light_height=sampler.uniform(0.075, 0.13),
        light_width=sampler.uniform(0.30, 0.48),
        lamp=sampler.uniform(0.80, 1.0)[..., None] * np.array([1.0, 0.98, 0.90], np.float32)[:, None, None],
        grille=sampler.uniform(0.0, 1.0),
        pillar=sampler.uniform(0.4, 0.6),
        panel_van=sampler.chance(0.35),
        gleam=sampler.uniform(-0.3, 0.3),
    )


def draw_yaw(sampler: ParameterSampler) -> Array:
    """Mostly from a corner, else from the side, from the front or from behind; 0 is from the front, pi from behind."""
    corner = sampler.uniform(0.18, 0.40) * np.pi
    end = sampler.uniform(0.0, 0.16) * np.pi
    side = sampler.uniform(0.40, 0.60) * np.pi
    where = sampler.unit()
    towards_end = pick((where < 0.62).astype(np.float32), corner, end)
    yaw = pick(sampler.chance(0.5), towards_end, np.pi - towards_end)
    return pick((where > 0.80).astype(np.float32), side, yaw)


def draw_camera(sampler: ParameterSampler, shape: CarShape) -> Camera:
    """Loose framing from any side, so that a mask copied from one car onto another scores little."""
    yaw, pitch = draw_yaw(sampler), sampler.uniform(0.03, 0.38)
    mirror = 2 * sampler.chance(0.5) - 1
    camera = aim(yaw, pitch, sampler.uniform(6.0, 16.0), mirror)
    x, z, high = shape.front, shape.half, shape.height
    corners = points(*((sx * x, y, sz * z) for sx in (-1, 1) for y in (0.0, high) for sz in (-1, 1)))
    fill = sampler.uniform(0.82, 1.20) * (0.8 + 0.2 * np.sin(yaw))
    return fit(camera, corners, fill, sampler.uniform(-1.0, 1.0), sampler.uniform(-0.8, 0.8))


def draw_car(sampler: ParameterSampler) -> Car:
    """The cars of these seeds, and their light."""
    shape, finish = draw_shape(sampler), draw_finish(sampler)
    camera = draw_camera(sampler, shape)
    light = np.concatenate([sampler.uniform(-0.7, 0.7), sampler.uniform(0.6, 1.0), sampler.uniform(0.1, 0.9)], axis=1)[
        :, :, 0
    ]
    return Car(shape, finish, camera, light / np.linalg.norm(light, axis=1, keepdims=True))
