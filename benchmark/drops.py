"""Which of many scores have dropped: one-sided tests of paired differences, made together (Holm 1979)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from .compare import holm
from .uncertainty import POWER, Estimate, shared_freedom

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Drop:
    """The test of one difference among others."""

    shown: bool
    """Whether it is below minus the tolerance by more than chance."""
    p: float
    """One-sided, corrected for all."""
    bound: float
    """The lowest difference that would not be shown, the others being as they are."""


def find_drops(differences: Sequence[Estimate], tolerance: float, alpha: float) -> list[Drop]:
    """The verdict on every difference, of which any false one is as rare as `alpha`; NaN where chance is not known."""
    freedom = shared_freedom(differences)
    p = [difference.p_under(-tolerance, freedom) for difference in differences]
    found = zip(differences, p, holm(p), levels(p, alpha), strict=True)
    return [Drop(own < level, float(all_), _bound(d, tolerance, freedom, level)) for d, own, all_, level in found]


def _bound(difference: Estimate, tolerance: float, freedom: float, level: float) -> float:
    return -tolerance - float(stdtrit(freedom, 1 - level)) * difference.error


def levels(p: Sequence[float], alpha: float) -> Array:
    """Below which p each hypothesis is rejected by Holm's procedure, the others being as they are."""
    values, out = np.asarray(p, dtype=float), np.empty(len(p))
    for i in range(len(values)):
        others = np.sort(np.delete(values, i))
        passed = others < alpha / np.arange(len(values), 1, -1)
        steps = len(others) if passed.all() else int(np.argmin(passed))
        out[i] = alpha / (len(values) - steps)
    return out


def catches(differences: Sequence[Estimate], tolerance: float, alpha: float) -> float:
    """The true drop that would be shown four times in five, in points; the median, NaN of none."""
    if not differences:
        return float("nan")
    freedom = shared_freedom(differences)
    widths = stdtrit(freedom, 1 - alpha / len(differences)) + stdtrit(freedom, POWER)
    return tolerance + float(widths * np.median([difference.error for difference in differences]))
