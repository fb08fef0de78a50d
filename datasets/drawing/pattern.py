"""Two colours and a field between them, as backgrounds and fabrics have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import glow
from .sampling import Array


@dataclass(frozen=True)
class Pattern:
    """Two colours and a field between them: gradient, stripes, two-tone or blobs."""

    first: Array
    second: Array
    kind: Array
    angle: Array
    frequency: Array
    offset: Array


def weave(pattern: Pattern, x: Array, y: Array, pixel: Array) -> Array:
    """The colours of a pattern at coordinates (N, S, S): (N, 3, S, S)."""
    along = np.cos(pattern.angle) * x + np.sin(pattern.angle) * y
    across = np.cos(pattern.angle) * y - np.sin(pattern.angle) * x
    softness = np.maximum(0.02, pixel)
    phase = pattern.frequency * along + pattern.offset
    bands = np.clip(0.5 + (np.abs(phase - np.rint(phase)) - 0.25) / (pattern.frequency * softness), 0, 1)
    halves = np.clip(0.5 + (along + 0.4 * (pattern.offset - 0.5)) / softness, 0, 1)
    slope = np.clip(0.5 + along, 0, 1)
    blobs = glow(along - 0.35, across - 0.3, 0.2, 0.3) + glow(along + 0.3, across + pattern.offset - 0.4, 0.25, 0.2)
    field = np.where(pattern.kind < 0.35, slope, np.where(pattern.kind < 0.65, blobs, halves))
    field = np.where((pattern.kind >= 0.65) & (pattern.kind < 0.82), bands, field)
    return pattern.first + field[:, None] * (pattern.second - pattern.first)
