"""What is around the person: background, clothes, and now and then a thing in front of the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..drawing.pattern import Pattern
from ..drawing.sampling import Array, ParameterSampler, pick
from .identity import HAIRS, SKINS


@dataclass(frozen=True)
class Clothes:
    """The torso below the neck."""

    pattern: Pattern
    shoulders: Array
    drop: Array
    neckline: Array
    pointed: Array
    collar: Array
    neck_width: Array


@dataclass(frozen=True)
class Occluder:
    """A capsule with a round end, held before the lower half of the face."""

    present: Array
    x: Array
    y: Array
    angle: Array
    thick: Array
    knob: Array
    colour: Array
    knob_colour: Array


@dataclass(frozen=True)
class Surroundings:
    """Everything that is not the head."""

    background: Pattern
    clothes: Clothes
    occluder: Occluder


def draw_background(sampler: ParameterSampler) -> Pattern:
    """One background in four has the colours of skin or hair, so that colour alone does not find the person."""
    first, second = sampler.colour(0.15, 0.95), sampler.colour(0.15, 0.95)
    skin, hair = sampler.mixture(SKINS), sampler.mixture(HAIRS)
    first = pick(sampler.chance(0.16), skin, pick(sampler.chance(0.12), hair, first))
    near = 0.45 * second + 0.55 * first
    return Pattern(
        first, near, sampler.unit(), sampler.uniform(0, 2 * np.pi), sampler.uniform(1.5, 4.0), sampler.unit()
    )


def draw_clothes(sampler: ParameterSampler) -> Clothes:
    """Plain or striped, with a round or pointed neckline, with or without a collar."""
    first, second = sampler.colour(0.08, 0.9), sampler.colour(0.08, 0.9)
    kind = 0.3 * sampler.unit() + 0.4 * sampler.chance(0.35)
    return Clothes(
        pattern=Pattern(
            first, 0.5 * (first + second), kind, sampler.uniform(1.2, 1.9), sampler.uniform(3, 7), sampler.unit()
        ),
        shoulders=sampler.uniform(1.35, 1.8),
        drop=sampler.uniform(0.08, 0.3),
        neckline=sampler.uniform(0.12, 0.45),
        pointed=sampler.chance(0.35),
        collar=sampler.chance(0.4) * sampler.uniform(0.06, 0.14),
        neck_width=sampler.uniform(0.34, 0.46),
    )


def draw_occluder(sampler: ParameterSampler) -> Occluder:
    """On one face in ten; half of them have the colour of skin."""
    colour = pick(sampler.chance(0.5), sampler.mixture(SKINS), sampler.colour(0.1, 0.95))
    return Occluder(
        present=sampler.chance(0.1),
        x=sampler.uniform(-0.55, 0.55),
        y=sampler.uniform(0.4, 0.9),
        angle=sampler.uniform(-0.7, 0.7),
        thick=sampler.uniform(0.09, 0.17),
        knob=sampler.uniform(0.15, 0.33),
        colour=colour,
        knob_colour=pick(sampler.chance(0.5), colour, sampler.colour(0.1, 0.95)),
    )


def draw_surroundings(sampler: ParameterSampler) -> Surroundings:
    """What surrounds the people of these seeds."""
    return Surroundings(draw_background(sampler), draw_clothes(sampler), draw_occluder(sampler))
