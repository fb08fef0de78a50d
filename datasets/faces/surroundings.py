"""What is around the person: background, clothes, and now and then a thing in front of the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..dice import Array, ParameterSampler, pick
from ..pattern import Pattern
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


def draw_background(dice: ParameterSampler) -> Pattern:
    """One background in four has the colours of skin or hair, so that colour alone does not find the person."""
    first, second = dice.colour(0.15, 0.95), dice.colour(0.15, 0.95)
    skin, hair = dice.mixture(SKINS), dice.mixture(HAIRS)
    first = pick(dice.chance(0.16), skin, pick(dice.chance(0.12), hair, first))
    near = 0.45 * second + 0.55 * first
    return Pattern(first, near, dice.unit(), dice.uniform(0, 2 * np.pi), dice.uniform(1.5, 4.0), dice.unit())


def draw_clothes(dice: ParameterSampler) -> Clothes:
    """Plain or striped, with a round or pointed neckline, with or without a collar."""
    first, second = dice.colour(0.08, 0.9), dice.colour(0.08, 0.9)
    kind = 0.3 * dice.unit() + 0.4 * dice.chance(0.35)
    return Clothes(
        pattern=Pattern(first, 0.5 * (first + second), kind, dice.uniform(1.2, 1.9), dice.uniform(3, 7), dice.unit()),
        shoulders=dice.uniform(1.35, 1.8),
        drop=dice.uniform(0.08, 0.3),
        neckline=dice.uniform(0.12, 0.45),
        pointed=dice.chance(0.35),
        collar=dice.chance(0.4) * dice.uniform(0.06, 0.14),
        neck_width=dice.uniform(0.34, 0.46),
    )


def draw_occluder(dice: ParameterSampler) -> Occluder:
    """On one face in ten; half of them have the colour of skin."""
    colour = pick(dice.chance(0.5), dice.mixture(SKINS), dice.colour(0.1, 0.95))
    return Occluder(
        present=dice.chance(0.1),
        x=dice.uniform(-0.55, 0.55),
        y=dice.uniform(0.4, 0.9),
        angle=dice.uniform(-0.7, 0.7),
        thick=dice.uniform(0.09, 0.17),
        knob=dice.uniform(0.15, 0.33),
        colour=colour,
        knob_colour=pick(dice.chance(0.5), colour, dice.colour(0.1, 0.95)),
    )


def draw_surroundings(dice: ParameterSampler) -> Surroundings:
    """What surrounds the people of these seeds."""
    return Surroundings(draw_background(dice), draw_clothes(dice), draw_occluder(dice))
