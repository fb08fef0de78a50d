"""How likely a run is to show a difference: the power of a paired comparison, before anything is computed.

Draws and images are crossed and normal, with the variances s_D^2, s_N^2 and s_DN^2 of `uncertainty`. Then the mean
difference and the three mean squares that a run estimates its error from are independent; the power is the chance that
the mean passes its bound, averaged over what those mean squares may turn out to be. So it knows that three draws give
a poor idea of their own spread, and that the degrees of freedom (Satterthwaite 1946), which tests that are made
together share, are estimated as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincinv, ndtr, stdtrit

from .estimate import LEVEL, POWER, Estimate

ONE_SIDED, TWO_SIDED = 1, 2
"""A gate asks whether a score fell, a comparison whether two scores differ."""
GRID = 20
"""Quantiles of each mean square that are averaged over."""

Array = NDArray[np.float64]


class Components(NamedTuple):
    """The variances of a difference of one draw on one image, in points squared."""

    draws: float
    """s_D^2: of the shots, on all images alike."""
    images: float
    """s_N^2: of the image, for all shots alike."""
    both: float
    """s_DN^2: of what is left."""


def components_of(estimate: Estimate) -> Components:
    """The components behind an estimate's error; one draw alone has all of its chance in its images."""
    draws, images = estimate.influence.shape
    by_draws, by_images, both = estimate.components
    own, common = np.maximum(0.0, [draws * (by_draws - both), images * (by_images - both)])  # of NaN it is NaN
    return Components(float(own), float(common), draws * images * both)


def power(
    components: Components,
    draws: int,
    images: int,
    difference: float,
    level: float = LEVEL,
    comparisons: int = 1,
    sides: int = ONE_SIDED,
) -> float:
    """The chance that a true difference is shown among so many comparisons alike (Bonferroni's bound for Holm).

    One-sided, as in a gate, it is what a drop has beyond the tolerance. One draw is held for its shots alone, one image
    for itself alone; the power of one draw on one image is NaN.
    """
    widths, deviation = _widths(components, draws, images, level, comparisons, sides)
    return _chance(widths, deviation, abs(difference), sides)


def smallest_difference(
    components: Components,
    draws: int,
    images: int,
    target: float = POWER,
    level: float = LEVEL,
    comparisons: int = 1,
    sides: int = ONE_SIDED,
) -> float:
    """The true difference that is shown with the power `target`, in points."""
    widths, deviation = _widths(components, draws, images, level, comparisons, sides)
    if np.isnan(deviation) or not deviation:
        return deviation
    far = deviation
    while _chance(widths, deviation, far, sides) < target:
        far *= 2
    return float(brentq(lambda difference: _chance(widths, deviation, difference, sides) - target, 0, far))


def _chance(widths: Array, deviation: float, difference: float, sides: int) -> float:
    if np.isnan(deviation):
        return deviation
    if not deviation:
        return float(difference > 0)
    shown = ndtr((difference - widths) / deviation)
    if sides == TWO_SIDED:
        shown = shown + ndtr((-difference - widths) / deviation)
    return float(shown.mean())


def _widths(
    components: Components, draws: int, images: int, level: float, comparisons: int, sides: int
) -> tuple[Array, float]:
    """How far from zero a mean must be, for every error that a run may estimate; and the mean's true deviation."""
    by_draws, by_images, both = _expected(components, draws, images)
    true = by_draws + by_images - both
    if not true > 0:
        return np.zeros(1), float(np.sqrt(true))
    rows, columns = draws - 1, images - 1
    a = (by_draws * _ratios(rows))[:, None, None]
    b = (by_images * _ratios(columns))[None, :, None]
    c = (both * _ratios(rows * columns))[None, None]
    errors = np.sqrt(np.maximum(a + b - c, np.maximum(a, b)))
    inverse = (a**2 / max(1, rows) + b**2 / max(1, columns)) / (a + b) ** 2
    inverse = (inverse + (comparisons - 1) * inverse.mean()) / comparisons
    quantile = 1 - (1 - level) / (sides * comparisons)
    return stdtrit(1 / inverse, quantile) * errors, float(np.sqrt(true))


def _expected(components: Components, draws: int, images: int) -> tuple[float, float, float]:
    """The three parts of the error of a mean, as `Estimate.components` has them, on average over runs."""
    s_draws, s_images, s_both = components
    if draws < 2:
        return 0.0, (s_images + s_both) / images if images > 1 else float("nan"), 0.0
    if images < 2:
        return (s_draws + s_both) / draws, 0.0, 0.0
    both = s_both / (draws * images)
    return s_draws / draws + both, s_images / images + both, both


def _ratios(freedom: int) -> Array:
    """A mean square over its expectation, at evenly spaced quantiles; chi-square over its degrees of freedom."""
    if not freedom:
        return np.ones(1)
    middle = (np.arange(GRID) + 0.5) / GRID
    return np.asarray(2 * gammaincinv(freedom / 2, middle) / freedom)
