"""Where the horse is: its landscape, its shadow, a fence, grass before its hooves, and now and then a rider."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing.camera import Grid, points
from ..drawing.canvas import Canvas, cover, rgb, smooth
from ..drawing.landscape import Landscape, draw_landscape
from ..drawing.sampling import Array, ParameterSampler, pick
from ..drawing.shapes import polygon
from .gait import Gait
from .parts import Brush, Horse

BACKGROUND = 0

GROUNDS = ((0.30, 0.42, 0.16), (0.42, 0.50, 0.22), (0.58, 0.53, 0.30), (0.62, 0.54, 0.42))
SKINS = ((0.93, 0.76, 0.64), (0.76, 0.55, 0.40), (0.45, 0.30, 0.22))


@dataclass(frozen=True)
class Meadow:
    """What surrounds the horses of some seeds."""

    landscape: Landscape
    shadow: Array
    fence: Array
    fence_front: Array
    """1 where the fence stands before the horse."""
    rails: Array
    """Between one rail and the next, in sides of the frame."""
    fence_y: Array
    fence_colour: Array
    grass: Array
    """How high the grass is before the hooves, in sides of the frame; 0 for none."""
    grass_phase: Array
    rider: Array
    jacket: Array
    trousers: Array
    skin: Array


def draw_meadow(sampler: ParameterSampler, gait: Gait, colour: Array) -> Meadow:
    """Pasture, track or sand; one thing in four behind the horse has the colour of its coat."""
    white, brown = sampler.uniform(0.7, 0.95)[..., None] + 0 * colour, sampler.uniform(0.4, 0.9)[..., None] * colour
    wood = pick(sampler.chance(0.5), white, brown)
    return Meadow(
        landscape=draw_landscape(sampler, sampler.mixture(GROUNDS), colour, houses=0.25, trees=0.7),
        shadow=sampler.uniform(0.3, 0.65),
        fence=sampler.chance(0.45),
        fence_front=sampler.chance(0.12),
        rails=sampler.uniform(0.07, 0.12),
        fence_y=sampler.uniform(-0.05, 0.15),
        fence_colour=wood,
        grass=sampler.chance(0.25) * sampler.uniform(0.02, 0.06),
        grass_phase=sampler.uniform(0.0, 2 * np.pi),
        rider=sampler.chance(0.16) * (1 - gait.grazing),
        jacket=sampler.colour(0.1, 0.9),
        trousers=pick(
            sampler.chance(0.5), sampler.colour(0.1, 0.4), sampler.uniform(0.7, 0.95)[..., None] + 0 * colour
        ),
        skin=sampler.mixture(SKINS),
    )


def paint_fence(canvas: Canvas, meadow: Meadow, grid: Grid, horizon: Array, front: bool) -> None:
    """Three rails and their posts."""
    pixel = grid.pixel
    y = np.clip(horizon, -0.45, 0.3) + meadow.fence_y
    inside = np.full((1, 1, 1), 9.0, np.float32)
    for rail in range(3):
        inside = np.minimum(inside, np.abs(grid.y - y - (rail - 1) * meadow.rails) - 0.009)
    gap = 3.2 * meadow.rails
    across = (grid.x + meadow.landscape.hill_phase) / gap
    post = np.abs(across - np.rint(across)) * gap - 0.014
    inside = np.minimum(inside, np.maximum(post, np.abs(grid.y - y) - 1.6 * meadow.rails))
    gate = meadow.fence * (meadow.fence_front == front)
    canvas.paint(cover(inside, pixel) * gate, meadow.fence_colour, BACKGROUND)


def paint_shadow(canvas: Canvas, meadow: Meadow, grid: Grid, horse: Horse) -> None:
    """Dark ground under the horse."""
    corners = horse.camera.project(points((-0.6, 0.0, 0.22), (-0.6, 0.0, -0.22), (0.6, 0.0, -0.22), (0.6, 0.0, 0.22)))
    scale = horse.camera.scale[..., None]
    dark = meadow.shadow * smooth(-polygon(grid, corners, 0.1 * scale) / scale, -0.12, 0.12)
    canvas.paint(dark, 0.25 * meadow.landscape.ground)


def paint_grass(canvas: Canvas, meadow: Meadow, grid: Grid, horse: Horse) -> None:
    """Blades that hide the hooves of one horse in four."""
    foot = horse.camera.y[..., None]
    blades = np.abs(np.sin(47 * grid.x + meadow.grass_phase)) * np.abs(np.sin(83 * grid.x - meadow.grass_phase))
    edge = foot + 0.02 - meadow.grass * (0.5 + 0.5 * blades) - grid.y
    fading = 1 - smooth(grid.y - foot, 0.04, 0.2)
    alpha = cover(edge, grid.pixel) * fading * (meadow.grass > 0)
    canvas.paint(alpha, meadow.landscape.ground * rgb(0.88, 0.98, 0.75), BACKGROUND)


def paint_rider(brush: Brush, meadow: Meadow) -> None:
    """A person in the saddle, who is no part of the horse."""
    back = brush.horse.skeleton.torso[:, 1:2]
    seat, gate = back + _offset(-0.02, 0.27, 0.0), meadow.rider

    def at(*places: tuple[float, float, float]) -> Array:
        return np.concatenate([seat + _offset(*place) for place in places], axis=1)

    def lay(joints: Array, radii: tuple[float, ...], colour: Array) -> None:
        brush.lay(brush.thread(joints, radii, 0.02), colour, BACKGROUND, gate)

    lay(at((-0.14, -0.10, 0.12), (0.12, -0.10, 0.12)), (0.07, 0.06), 0.4 * meadow.jacket)
    lay(at((0.0, 0.0, 0.0), (0.03, 0.32, 0.0)), (0.085, 0.095), meadow.jacket)
    lay(at((0.05, 0.49, 0.0), (0.06, 0.50, 0.0)), (0.062, 0.062), meadow.skin)
    lay(at((0.03, 0.53, 0.0), (0.05, 0.54, 0.0)), (0.064, 0.060), 0.5 * meadow.jacket)
    leg = at((0.0, -0.02, 0.14), (0.17, -0.17, 0.21), (0.09, -0.42, 0.22), (0.15, -0.45, 0.22))
    lay(leg, (0.075, 0.060, 0.038, 0.030), meadow.trousers)
    arm = at((0.03, 0.28, 0.12), (0.05, 0.10, 0.16), (0.26, 0.06, 0.06))
    lay(arm, (0.045, 0.038, 0.030), 0.88 * meadow.jacket)


def _offset(x: float, y: float, z: float) -> Array:
    return np.array([[[x, y, z]]], np.float32)
