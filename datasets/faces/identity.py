"""Who is in the picture: the parameters of a batch of faces, drawn from their seeds.

Lengths are in head units (the head reaches from -1 at the crown to 1 at the chin), angles in
radians, colours in [0, 1]. Scalars have shape (N, 1, 1) and colours (N, 3, 1, 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing.sampling import Array, ParameterSampler, pick

SKINS = (
    (0.98, 0.84, 0.75), (0.95, 0.77, 0.65), (0.87, 0.67, 0.52), (0.76, 0.55, 0.40),
    (0.62, 0.43, 0.31), (0.50, 0.34, 0.25), (0.40, 0.27, 0.20),
)  # fmt: skip
HAIRS = (
    (0.07, 0.06, 0.07), (0.16, 0.10, 0.08), (0.30, 0.18, 0.11), (0.48, 0.22, 0.10),
    (0.62, 0.38, 0.18), (0.86, 0.70, 0.42), (0.72, 0.70, 0.68), (0.38, 0.37, 0.38),
)  # fmt: skip
IRISES = ((0.22, 0.12, 0.06), (0.42, 0.26, 0.12), (0.35, 0.45, 0.22), (0.25, 0.50, 0.62), (0.30, 0.42, 0.75))
LIPS = ((0.80, 0.40, 0.38), (0.72, 0.22, 0.27), (0.62, 0.27, 0.27))


@dataclass(frozen=True)
class Pose:
    """Where the head is in the frame, and which way it looks."""

    x: Array
    y: Array
    scale: Array
    roll: Array
    yaw: Array
    pitch: Array
    light: Array


@dataclass(frozen=True)
class Features:
    """The shape and the colours of the head and of what is on it."""

    width: Array
    jaw: Array
    skin: Array
    lip: Array
    iris: Array
    eye_gap: Array
    eye_width: Array
    eye_open: Array
    eye_tilt: Array
    eye_y: Array
    gaze: Array
    brow_lift: Array
    brow_thick: Array
    brow_tilt: Array
    brow_arch: Array
    nose_length: Array
    nose_width: Array
    mouth_y: Array
    mouth_width: Array
    lip_thick: Array
    smile: Array
    mouth_open: Array
    blush: Array
    stubble: Array
    ear: Array
    glasses: Array
    glasses_round: Array
    glasses_colour: Array


@dataclass(frozen=True)
class Hair:
    """The outline of the hair; `back` is 0 for hair that ends at the head."""

    colour: Array
    volume: Array
    line: Array
    curve: Array
    part: Array
    side: Array
    back: Array
    back_width: Array
    in_front: Array
    bun: Array
    wave: Array


def draw_pose(sampler: ParameterSampler) -> Pose:
    """Loose framing, so that a mask copied from one face onto another scores little."""
    light = np.concatenate(
        [sampler.uniform(-0.8, 0.8), sampler.uniform(-0.75, 0.1), np.ones_like(sampler.unit())], axis=1
    )
    light = light / np.linalg.norm(light, axis=1, keepdims=True)
    return Pose(
        x=sampler.normal(0.15, 0.29),
        y=sampler.normal(0.12, 0.24) - 0.04,
        scale=sampler.uniform(0.62, 0.95),
        roll=sampler.normal(0.26, 0.65),
        yaw=sampler.normal(0.35, 0.75),
        pitch=sampler.normal(0.14, 0.32),
        light=light.astype(np.float32),
    )


def draw_features(sampler: ParameterSampler) -> Features:
    """A head with its expression."""
    skin = np.clip(sampler.mixture(SKINS) + sampler.normal(0.02, 0.05)[:, None], 0, 1)
    lip = 0.45 * sampler.mixture(LIPS) + 0.55 * skin * np.array([0.95, 0.62, 0.62], np.float32)[:, None, None]
    return Features(
        width=sampler.uniform(0.70, 0.82),
        jaw=sampler.uniform(0.04, 0.30),
        skin=skin,
        lip=lip,
        iris=sampler.mixture(IRISES),
        eye_gap=sampler.uniform(0.29, 0.35),
        eye_width=sampler.uniform(0.155, 0.20),
        eye_open=sampler.uniform(0.065, 0.13),
        eye_tilt=sampler.normal(0.08, 0.2),
        eye_y=sampler.uniform(-0.04, 0.06),
        gaze=sampler.normal(0.03, 0.06),
        brow_lift=sampler.uniform(0.19, 0.27),
        brow_thick=sampler.uniform(0.03, 0.055),
        brow_tilt=sampler.normal(0.14, 0.3),
        brow_arch=sampler.uniform(0.2, 1.6),
        nose_length=sampler.uniform(0.30, 0.42),
        nose_width=sampler.uniform(0.10, 0.16),
        mouth_y=sampler.uniform(0.55, 0.64),
        mouth_width=sampler.uniform(0.19, 0.29),
        lip_thick=sampler.uniform(0.045, 0.085),
        smile=sampler.uniform(-0.04, 0.11),
        mouth_open=sampler.chance(0.4) * sampler.uniform(0.03, 0.17),
        blush=sampler.uniform(0.0, 0.35),
        stubble=sampler.chance(0.18) * sampler.uniform(0.15, 0.6),
        ear=sampler.uniform(0.19, 0.25),
        glasses=sampler.chance(0.14),
        glasses_round=sampler.chance(0.4),
        glasses_colour=sampler.uniform(0.03, 0.35)[:, None] + np.zeros((1, 3, 1, 1), np.float32),
    )


def draw_hair(sampler: ParameterSampler) -> Hair:
    """One of: short, long, bob, receding, bald, fringe, afro, bun."""
    style = sampler.unit()
    ends = (0.30, 0.42, 0.50, 0.54, 0.64)
    long, bob, receding, bald, afro = (
        ((low <= style) & (style < high)).astype(np.float32) for low, high in zip((0.0, *ends), ends, strict=False)
    )
    fringe = sampler.chance(0.25) * (1 - receding) * (1 - bald)
    line = pick(fringe, sampler.uniform(-0.46, -0.34), sampler.uniform(-0.72, -0.54))
    line = pick(receding, sampler.uniform(-0.98, -0.86), line) - 3.0 * bald
    side = pick(long + bob, sampler.uniform(0.1, 0.7), sampler.uniform(-0.22, 0.12)) - 3.0 * bald
    return Hair(
        colour=sampler.mixture(HAIRS),
        volume=pick(afro, sampler.uniform(0.22, 0.40), sampler.uniform(0.05, 0.15)) * (1 - bald),
        line=line,
        curve=pick(fringe, sampler.uniform(0.0, 0.2), sampler.uniform(0.1, 0.5)),
        part=sampler.normal(0.12, 0.25),
        side=side,
        back=pick(long, sampler.uniform(1.25, 2.4), pick(bob, sampler.uniform(0.75, 1.1), np.zeros_like(style))),
        back_width=sampler.uniform(1.08, 1.35),
        in_front=sampler.chance(0.55),
        bun=sampler.chance(0.12) * (1 - long) * (1 - bob) * (1 - bald) * (1 - afro),
        wave=sampler.uniform(0.0, 2 * np.pi),
    )


@dataclass(frozen=True)
class Person:
    """A batch of people; what surrounds them is drawn by `surroundings`."""

    pose: Pose
    features: Features
    hair: Hair


def draw_person(sampler: ParameterSampler) -> Person:
    """The people of these seeds."""
    return Person(draw_pose(sampler), draw_features(sampler), draw_hair(sampler))
