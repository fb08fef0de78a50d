"""What lies behind a thing outdoors: sky, hills, houses or walls, trees, and ground up to the horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .camera import Grid
from .canvas import Canvas, cover, rgb, smooth
from .sampling import Array, ParameterSampler, pick
from .shapes import box, ellipse

LEAVES = ((0.13, 0.24, 0.10), (0.24, 0.38, 0.14), (0.40, 0.50, 0.20), (0.55, 0.42, 0.18))
SKIES = ((0.35, 0.55, 0.85), (0.55, 0.72, 0.90), (0.78, 0.82, 0.86), (0.86, 0.72, 0.62))


@dataclass(frozen=True)
class Block:
    """A house or a wall that stands on the horizon."""

    present: Array
    x: Array
    width: Array
    height: Array
    colour: Array
    panes: Array
    """How many windows it has per unit of the frame; 0 for a plain wall."""
    phase: Array


@dataclass(frozen=True)
class Tree:
    """A round crown on a stem."""

    present: Array
    x: Array
    height: Array
    radius: Array
    colour: Array


@dataclass(frozen=True)
class Landscape:
    """What surrounds the things of some seeds; lengths are in sides of the frame."""

    sky: Array
    haze: Array
    hill: Array
    hill_height: Array
    hill_waves: Array
    hill_phase: Array
    blocks: tuple[Block, ...]
    trees: tuple[Tree, ...]
    ground: Array
    grain: Array
    """How rough the ground is, in [0, 1)."""
    grain_phase: Array


def draw_block(sampler: ParameterSampler, present: float, like: Array) -> Block:
    """A house in a pale colour, in a loud one, or in the thing's own."""
    grey = sampler.uniform(0.35, 0.85)[..., None] * (0.85 + 0.3 * sampler.colour(0.0, 1.0))
    return Block(
        present=sampler.chance(present),
        x=sampler.uniform(-0.6, 0.6),
        width=sampler.uniform(0.08, 0.3),
        height=sampler.uniform(0.12, 0.55),
        colour=pick(sampler.chance(0.25), like, pick(sampler.chance(0.25), sampler.colour(0.1, 0.9), grey)),
        panes=sampler.chance(0.7) * sampler.uniform(7.0, 16.0),
        phase=sampler.unit(),
    )


def draw_tree(sampler: ParameterSampler, present: float) -> Tree:
    """A tree or, when it is low, a bush."""
    return Tree(
        present=sampler.chance(present),
        x=sampler.uniform(-0.6, 0.6),
        height=sampler.uniform(0.02, 0.4),
        radius=sampler.uniform(0.06, 0.2),
        colour=sampler.mixture(LEAVES),
    )


def draw_landscape(sampler: ParameterSampler, ground: Array, like: Array, houses: float, trees: float) -> Landscape:
    """A landscape on this ground; `like` is the colour of the thing, for what could be taken for it."""
    sky = sampler.mixture(SKIES) * sampler.uniform(0.75, 1.05)[..., None]
    return Landscape(
        sky=sky,
        haze=0.5 * sky + 0.5 * sampler.uniform(0.7, 0.95)[..., None],
        hill=pick(sampler.chance(0.15), like, sampler.mixture(LEAVES) * (0.7 + 0.5 * sampler.colour(0.3, 0.7))),
        hill_height=sampler.uniform(-0.03, 0.16),
        hill_waves=sampler.uniform(2.0, 11.0),
        hill_phase=sampler.uniform(0.0, 2 * np.pi),
        blocks=tuple(draw_block(sampler, houses, like) for _ in range(2)),
        trees=tuple(draw_tree(sampler, trees) for _ in range(2)),
        ground=ground,
        grain=sampler.uniform(0.0, 1.0),
        grain_phase=sampler.uniform(0.0, 2 * np.pi),
    )


def paint_landscape(canvas: Canvas, scene: Landscape, grid: Grid, horizon: Array) -> None:
    """Everything from the sky to the ground; all of it is background. The horizon is (N, 1, 1)."""
    high = np.clip((horizon - grid.y) / 0.6, 0, 1)
    canvas.image[:] = scene.haze + high[:, None] * (scene.sky - scene.haze)
    ridge = np.sin(scene.hill_waves * grid.x + scene.hill_phase)
    ridge = ridge + 0.4 * np.sin(2.7 * scene.hill_waves * grid.x - scene.hill_phase)
    top = horizon - scene.hill_height * (1 + 0.35 * ridge)
    far = 0.8 * scene.hill + 0.2 * scene.haze
    canvas.paint(cover(top - grid.y, grid.pixel), far)
    for block in scene.blocks:
        paint_block(canvas, block, grid, horizon)
    for tree in scene.trees:
        paint_tree(canvas, tree, grid, horizon)
    paint_ground(canvas, scene, grid, horizon)


def paint_block(canvas: Canvas, block: Block, grid: Grid, horizon: Array) -> None:
    """A house front with rows of windows."""
    inside = cover(box(grid, block.x, horizon, block.width, block.height), grid.pixel) * block.present
    rows, columns = (_comb(line, block.panes, block.phase, grid.pixel) for line in (grid.y - horizon, grid.x - block.x))
    panes = (rows * columns * (block.panes > 0))[:, None]
    glass = 0.45 * block.colour + 0.1 * rgb(0.7, 0.9, 1.2)
    canvas.paint(inside, block.colour + panes * (glass - block.colour))


def paint_tree(canvas: Canvas, tree: Tree, grid: Grid, horizon: Array) -> None:
    """Three round clumps of leaves above a stem."""
    pixel = grid.pixel
    foot = horizon + 0.02
    y, r = foot - tree.height - 0.6 * tree.radius, tree.radius
    stem = box(grid, tree.x, 0.5 * (y + foot), 0.12 * r, 0.5 * (foot - y))
    canvas.paint(cover(stem, pixel) * tree.present, rgb(0.26, 0.19, 0.14))
    crown = np.minimum(
        ellipse(grid, tree.x, y - 0.3 * r, 0.75 * r, 0.7 * r),
        np.minimum(
            ellipse(grid, tree.x - 0.5 * r, y + 0.2 * r, 0.6 * r, 0.55 * r),
            ellipse(grid, tree.x + 0.5 * r, y + 0.15 * r, 0.65 * r, 0.55 * r),
        ),
    )
    tone = 1.1 - 0.5 * smooth(grid.y - y, -1.0, 1.0) - 0.2 * smooth((grid.y - y) / r, -0.8, 0.9)
    canvas.paint(cover(crown, pixel) * tree.present, tree.colour * tone[:, None])


def paint_ground(canvas: Canvas, scene: Landscape, grid: Grid, horizon: Array) -> None:
    """Level ground, hazy far away, with a grain that grows coarser towards the camera."""
    below = np.maximum(grid.y - horizon, 0)
    depth = 1 / (below + 0.06)
    grain = np.sin(34 * grid.x * (0.4 + below) + 3 * np.sin(5.0 * depth) + scene.grain_phase) * np.sin(9 * depth)
    tone = 0.9 + 0.2 * smooth(below, 0.0, 0.6) + 0.09 * scene.grain * grain * smooth(below, 0.0, 0.25)
    mist = (0.35 * (1 - smooth(below, 0.0, 0.3)))[:, None]
    ground = scene.ground * tone[:, None]
    canvas.paint(cover(horizon - grid.y, grid.pixel) + 0 * grid.x, ground + mist * (scene.haze - ground))


def _comb(line: Array, teeth: Array, phase: Array, pixel: float) -> Array:
    """Stripes along a row or a column of pixels: 1 on them, 0 between."""
    at = line * teeth + phase
    gap = np.abs(at - np.rint(at)) - 0.28
    stripes: Array = np.clip(0.5 - gap / np.maximum(teeth * pixel, 1e-6), 0, 1)
    return stripes
