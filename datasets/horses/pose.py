"""How a horse stands or moves: its joints in space, from the angles of a gait.

A length of 1 is the height of the withers; x to the front, y up from the ground, z to the near side. Angles are in
radians. Scalars have shape (N, 1, 1), chains of joints (N, K, 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing.camera import points
from ..drawing.sampling import Array
from .gait import Build, Gait

Point = tuple[Array, Array, Array]


@dataclass(frozen=True)
class Skeleton:
    """Chains of joints (N, K, 3); legs are near fore, near hind, far fore, far hind."""

    torso: Array
    neck: Array
    head: Array
    ears: tuple[Array, Array]
    mane: Array
    tail: Array
    haunches: tuple[Array, Array]
    legs: tuple[Array, Array, Array, Array]

    def joints(self) -> Array:
        """All of them, for the frame."""
        return np.concatenate([self.torso, self.neck, self.head, self.tail, *self.ears, *self.legs], axis=1)


def ahead(start: Point, length: Array | float, angle: Array, turn: Array | float = 0.0) -> Point:
    """The end of a bone that points forward and up by an angle."""
    flat = np.cos(angle) * length
    return start[0] + flat * np.cos(turn), start[1] + np.sin(angle) * length, start[2] + flat * np.sin(turn)


def hang(start: Point, length: Array | float, angle: Array) -> Point:
    """The end of a bone that hangs down, swung forward by an angle."""
    return start[0] + np.sin(angle) * length, start[1] - np.cos(angle) * length, start[2]


def fore_leg(shoulder: Point, gait: Gait, build: Build, phase: Array) -> list[Point]:
    """Elbow, knee, fetlock, the top of the hoof and its toe; the knee folds back while the leg swings forward."""
    swing = gait.stride * np.sin(phase)
    fold = 1.9 * gait.stride * np.maximum(np.cos(phase), 0)
    knee = hang(shoulder, 0.29 * build.leg, swing + 0.5 * fold)
    fetlock = hang(knee, 0.26 * build.leg, swing - fold)
    coronet = hang(fetlock, 0.07, swing - 1.2 * fold + 0.35)
    return [shoulder, knee, fetlock, coronet, hang(coronet, 0.045, swing - 1.2 * fold + 0.45)]


def hind_leg(stifle: Point, gait: Gait, build: Build, phase: Array) -> list[Point]:
    """Stifle, hock, fetlock, the top of the hoof and its toe; the hock points backwards."""
    swing = gait.stride * np.sin(phase)
    fold = 1.4 * gait.stride * np.maximum(np.cos(phase), 0)
    hock = hang(stifle, 0.28 * build.leg, swing - 0.55 - 0.5 * fold)
    fetlock = hang(hock, 0.29 * build.leg, swing + 0.10 + 0.3 * fold)
    coronet = hang(fetlock, 0.07, swing - 0.8 * fold + 0.4)
    return [stifle, hock, fetlock, coronet, hang(coronet, 0.045, swing - 0.8 * fold + 0.5)]


def _on_body(gait: Gait, x: Array, y: Array | float, z: Array | float) -> Point:
    """A point of the trunk, raised in front by the lean."""
    c, s, down = np.cos(gait.lean), np.sin(gait.lean), y - np.float32(0.8)
    return c * x - s * down, 0.8 + s * x + c * down, z + 0 * x


def pose(gait: Gait, build: Build) -> Skeleton:
    """The joints of the horse, with its lowest hoof on the ground."""
    long, girth = build.length, build.girth
    feet = []
    haunches = []
    for side, lag in ((1.0, 0.0), (-1.0, np.pi)):
        shoulder = _on_body(gait, 0.33 * long, 0.63, side * 0.115 * girth)
        hip = _on_body(gait, -0.36 * long, 0.80, side * 0.09 * girth)
        swing = gait.stride * np.sin(gait.phase + lag + gait.pace)
        stifle = _on_body(gait, -0.29 * long + 0.12 * swing, 0.615, side * 0.12 * girth)
        feet.append(fore_leg(shoulder, gait, build, gait.phase + lag))
        feet.append(hind_leg(stifle, gait, build, gait.phase + lag + gait.pace))
        haunches.append(points(hip, stifle))
    legs = [points(*leg) for leg in feet]
    lowest = np.min([leg[:, -1:, 1:2] for leg in legs], axis=0) - 0.012
    drop = np.concatenate([0 * lowest, lowest, 0 * lowest], axis=2)
    chains = [chain - drop for chain in (*_trunk(gait, build), *legs, *haunches)]
    torso, neck, head, left, right, mane, tail, *limbs = chains
    near_fore, near_hind, far_fore, far_hind, near_haunch, far_haunch = limbs
    return Skeleton(
        torso,
        neck,
        head,
        (left, right),
        mane,
        tail,
        (near_haunch, far_haunch),
        (near_fore, near_hind, far_fore, far_hind),
    )


def _trunk(gait: Gait, build: Build) -> tuple[Array, ...]:
    """Torso, neck, head, both ears, mane and tail."""
    long = build.length
    torso = points(*(_on_body(gait, x * long, y, 0.0) for x, y in ((-0.40, 0.83), (0.0, 0.79), (0.34, 0.82))))
    base = _on_body(gait, 0.39 * long, 0.89, 0.0)
    middle = ahead(base, 0.5 * build.neck, gait.neck - 0.12, gait.turn)
    poll = ahead(middle, 0.5 * build.neck, gait.neck + 0.16, gait.turn)
    nod = -gait.head
    brow = ahead(poll, 0.12 * build.head, nod, gait.turn)
    nose, muzzle = (ahead(poll, share * build.head, nod, gait.turn) for share in (0.62, 1.0))
    ears = [_ear(poll, gait, side) for side in (1.0, -1.0)]
    return (
        torso,
        points(base, middle, poll),
        points(brow, nose, muzzle),
        *ears,
        _mane(gait, base, middle, poll),
        _tail(gait, long),
    )


def _ear(poll: Point, gait: Gait, side: float) -> Array:
    x, y, z = ahead(poll, 0.05, np.pi / 2 - 0.5 * gait.head, gait.turn)
    root = (x, y, z + side * 0.045)
    tip = ahead(root, 0.10, np.pi / 2 - 0.4 * gait.head, gait.turn)
    return points(root, (tip[0], tip[1], tip[2] + side * 0.015))


def _mane(gait: Gait, base: Point, middle: Point, poll: Point) -> Array:
    """Along the crest of the neck, from the withers to between the ears."""
    up = gait.neck + np.pi / 2
    withers = ahead(ahead(base, 0.07, gait.neck + np.pi), 0.11, up)
    return points(withers, ahead(middle, 0.105, up, gait.turn), ahead(poll, 0.06, up, gait.turn))


def _tail(gait: Gait, long: Array) -> Array:
    """From the dock, over a bend, down to the tip of the hair."""
    dock = _on_body(gait, -0.52 * long, 0.93, 0.0)
    bend = (dock[0] - 0.07 - 0.16 * gait.lift, dock[1] - 0.06 + 0.12 * gait.lift, dock[2] + 0.2 * gait.swish)
    away = 0.10 + 0.75 * gait.lift
    middle = (bend[0] - 0.24 * np.sin(away), bend[1] - 0.24 * np.cos(away), bend[2] + 0.8 * gait.swish)
    tip = (middle[0] - 0.22 * np.sin(0.6 * away), middle[1] - 0.22 * np.cos(0.6 * away), middle[2] + 0.9 * gait.swish)
    return points(dock, bend, middle, tip)
