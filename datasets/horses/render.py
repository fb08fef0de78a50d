"""Seeds to pictures: meadow and horse painted from back to front, with the labels of the horse's parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..drawing.camera import Camera, aim, fit, grid
from ..drawing.canvas import Canvas
from ..drawing.landscape import paint_landscape
from ..drawing.sampling import Array, ParameterSampler, pick
from ..drawing.splits import Labels, in_batches
from .coat import draw_coat, dye
from .gait import Gait, draw_build, draw_gait
from .meadow import draw_meadow, paint_fence, paint_grass, paint_rider, paint_shadow
from .parts import Brush, Horse, paint_head, paint_leg, paint_mane, paint_tail, paint_trunk
from .pose import Skeleton, pose

THROWS = 192
"""Uniform numbers per horse."""
SALT = 5
"""Of the dice of horses (the paper's Table 5)."""
BATCH_PIXELS = 32 * 64 * 64
"""Pixels painted at once: many, because a horse is many small limbs."""


def render(seeds: Sequence[int], size: int) -> tuple[Array, Labels]:
    """Images (N, 3, size, size) float32 in [0, 1] and the label of each pixel's centre, (N, size, size) uint8."""
    return in_batches(paint, seeds, size, BATCH_PIXELS)


def draw_yaw(sampler: ParameterSampler) -> Array:
    """Mostly from the side or from a corner; 0 is from the front, pi from behind."""
    side, corner = sampler.uniform(0.38, 0.62) * np.pi, sampler.uniform(0.20, 0.38) * np.pi
    corner = pick(sampler.chance(0.2), sampler.uniform(0.02, 0.20) * np.pi, corner)
    corner = pick(sampler.chance(0.5), corner, np.pi - corner)
    return pick(sampler.chance(0.55), side, corner)


def draw_camera(sampler: ParameterSampler, skeleton: Skeleton) -> Camera:
    """Loose framing from any side, so that a mask copied from one horse onto another scores little."""
    camera = aim(draw_yaw(sampler), sampler.uniform(0.02, 0.24), sampler.uniform(3.5, 9.0), 2 * sampler.chance(0.5) - 1)
    joints = skeleton.joints()
    low, high = joints.min(1, keepdims=True), joints.max(1, keepdims=True)
    outwards = np.sign(joints - 0.5 * (low + high))
    trunk = skeleton.torso + np.array([0.0, 0.18, 0.0], np.float32)
    corners = np.concatenate([trunk, joints + 0.06 * outwards], axis=1)
    return fit(camera, corners, sampler.uniform(0.78, 1.16), sampler.uniform(-1.0, 1.0), sampler.uniform(-1.0, 1.0))


def draw_horse(sampler: ParameterSampler) -> tuple[Horse, Gait]:
    """The horses of these seeds, and what they do."""
    gait, build, coat = draw_gait(sampler), draw_build(sampler), draw_coat(sampler)
    skeleton = pose(gait, build)
    camera = draw_camera(sampler, skeleton)
    light = np.concatenate([sampler.uniform(-0.6, 0.6), -sampler.uniform(0.7, 1.0)], axis=1)[:, :, 0]
    return Horse(skeleton, build, coat, camera, light), gait


def paint(seeds: Sequence[int], size: int) -> Canvas:
    """One batch, from the sky to the grass before the hooves."""
    sampler = ParameterSampler(seeds, THROWS, SALT)
    horse, gait = draw_horse(sampler)
    meadow = draw_meadow(sampler, gait, horse.coat.colour)
    canvas, pixels = Canvas(len(seeds), size), grid(size)
    horizon = horse.camera.horizon()
    paint_landscape(canvas, meadow.landscape, pixels, horizon)
    paint_fence(canvas, meadow, pixels, horizon, front=False)
    paint_shadow(canvas, meadow, pixels, horse)
    brush = Brush(canvas, pixels, horse, dye(horse.coat, horse.camera, pixels))
    paint_horse(brush)
    paint_rider(brush, meadow)
    paint_fence(canvas, meadow, pixels, horizon, front=True)
    paint_grass(canvas, meadow, pixels, horse)
    return canvas


def paint_horse(brush: Brush) -> None:
    """From the far side to the near one; which end comes last depends on where the camera stands."""
    x = brush.horse.camera.towards[:, :1, :1]
    always, ahead, behind = np.ones_like(x), (x > 0).astype(np.float32), (x <= 0).astype(np.float32)
    before, after = (x > 0.6).astype(np.float32), (x < -0.6).astype(np.float32)
    paint_tail(brush, ahead * (x > 0.25))
    paint_head(brush, behind)
    for leg in (3, 2):
        paint_leg(brush, leg, always)
    paint_leg(brush, 1, before)
    paint_leg(brush, 0, after)
    paint_trunk(brush)
    paint_leg(brush, 1, 1 - before)
    paint_leg(brush, 0, 1 - after)
    paint_mane(brush, always)
    paint_tail(brush, 1 - ahead * (x > 0.25))
    paint_head(brush, ahead)
