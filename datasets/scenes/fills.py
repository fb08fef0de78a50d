"""What things are filled with: flat colours, slopes, stripes, checks, spots, clouds; none of it is a contour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..drawing.sampling import Array, ParameterSampler


@dataclass(frozen=True)
class Fill:
    """Two colours (N, 3, 1, 1), and how a thing goes from one to the other."""

    kind: npt.NDArray[np.int64]
    """Index into `PATTERNS`, (N,)."""
    first: Array
    second: Array
    frequency: Array
    """Waves per half side of the image, (N, 1, 1)."""
    phase: Array


def draw_fill(sampler: ParameterSampler) -> Fill:
    """A colour, and another that is up to a third of the range away from it."""
    first = sampler.colour(0.05, 0.95)
    reach = sampler.uniform(0.05, 0.35)[..., None]
    return Fill(
        kind=sampler.choice(SHARES),
        first=first,
        second=first + reach * (2 * sampler.colour(0.0, 1.0) - 1),
        frequency=sampler.log_uniform(1.0, 5.0),
        phase=sampler.uniform(0.0, 2 * np.pi),
    )


def flat(x: Array, _y: Array, _frequency: Array, _phase: Array) -> Array:
    return np.zeros_like(x)


def slope(x: Array, _y: Array, _frequency: Array, _phase: Array) -> Array:
    value: Array = np.clip(0.5 + x, 0, 1)
    return value


def stripes(x: Array, _y: Array, frequency: Array, phase: Array) -> Array:
    value: Array = 0.5 + 0.5 * np.sin(2 * np.pi * frequency * x + phase)
    return value


def checks(x: Array, y: Array, frequency: Array, phase: Array) -> Array:
    wave = np.pi * frequency
    return np.clip(0.5 + 2 * np.sin(wave * x + phase) * np.sin(wave * y), 0, 1)


def spots(x: Array, y: Array, frequency: Array, phase: Array) -> Array:
    wave = 2 * np.pi * frequency
    return np.clip(np.cos(wave * x + phase) + np.cos(wave * y) - 0.5, 0, 1)


def clouds(x: Array, y: Array, frequency: Array, phase: Array) -> Array:
    wave = 2 * frequency
    bent = x + 0.3 * np.sin(wave * y + phase)
    value: Array = 0.5 + 0.25 * (np.sin(wave * bent - phase) + np.sin(1.7 * wave * y + 2 * bent))
    return value


PATTERNS: tuple[Callable[[Array, Array, Array, Array], Array], ...] = (flat, slope, stripes, checks, spots, clouds)
SHARES = (4, 4, 2, 1, 1, 3)
"""How often each pattern is drawn."""


def colours(fill: Fill, x: Array, y: Array) -> Array:
    """The colours of a fill at coordinates (N, S, S): (N, 3, S, S)."""
    field = np.empty(x.shape, np.float32)
    for kind, pattern in enumerate(PATTERNS):
        rows = np.flatnonzero(fill.kind == kind)
        if len(rows):
            field[rows] = pattern(x[rows], y[rows], fill.frequency[rows], fill.phase[rows])
    painted: Array = fill.first + field[:, None] * (fill.second - fill.first)
    return painted
