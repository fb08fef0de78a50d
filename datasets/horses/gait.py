"""What a horse does, and how it is built: parameters drawn from the seeds.

A length of 1 is the height of the withers, angles are in radians. All parameters have shape (N, 1, 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing.sampling import Array, ParameterSampler, pick


@dataclass(frozen=True)
class Gait:
    """What the horse does."""

    grazing: Array
    stride: Array
    """How far the legs swing."""
    phase: Array
    pace: Array
    """By how much the hind legs lag behind the forelegs."""
    neck: Array
    """Angle of the neck above the horizontal."""
    head: Array
    """Angle of the head below the horizontal."""
    turn: Array
    """How far the neck is turned to the near side."""
    lean: Array
    """How far the body is raised in front."""
    swish: Array
    lift: Array
    """How far the tail stands off."""


@dataclass(frozen=True)
class Build:
    """Proportions."""

    length: Array
    girth: Array
    neck: Array
    head: Array
    leg: Array


def draw_gait(sampler: ParameterSampler) -> Gait:
    """Standing, walking, grazing, or trotting and galloping."""
    where = sampler.unit()
    grazing = ((where >= 0.62) & (where < 0.82)).astype(np.float32)
    walking, fast = ((where >= 0.36) & (where < 0.62)).astype(np.float32), (where >= 0.82).astype(np.float32)
    stride = sampler.uniform(0.05, 0.14) + walking * sampler.uniform(0.12, 0.28) + fast * sampler.uniform(0.3, 0.55)
    upright = pick(fast, sampler.uniform(0.35, 0.9), sampler.uniform(0.45, 1.1))
    return Gait(
        grazing=grazing,
        stride=stride,
        phase=sampler.uniform(0.0, 2 * np.pi),
        pace=sampler.uniform(0.0, 2 * np.pi),
        neck=pick(grazing, sampler.uniform(-0.95, -0.62), upright),
        head=pick(grazing, sampler.uniform(0.75, 1.25), sampler.uniform(0.35, 1.0)),
        turn=sampler.normal(0.25, 0.6),
        lean=sampler.normal(0.03, 0.06) + fast * sampler.normal(0.10, 0.2) - 0.05 * grazing,
        swish=sampler.normal(0.14, 0.3),
        lift=sampler.uniform(0.0, 0.25) + fast * sampler.uniform(0.2, 0.7),
    )


def draw_build(sampler: ParameterSampler) -> Build:
    """From a slender thoroughbred to a stout pony."""
    return Build(
        length=sampler.uniform(0.90, 1.08),
        girth=sampler.uniform(0.88, 1.15),
        neck=sampler.uniform(0.46, 0.56),
        head=sampler.uniform(0.34, 0.41),
        leg=sampler.uniform(0.90, 1.04),
    )
