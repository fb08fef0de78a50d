"""Shapes as pixels: a pixel is in a shape if its centre is, so that two neighbours never share one nor leave a gap.

Drawing libraries round corners to pixels and draw the outline too, which makes an eye of a 64-pixel image half as
large again. Coordinates are those of annotation tools: (0, 0) is the upper left corner of the first pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .masks import Labels

Mask = NDArray[np.bool_]
Numbers = NDArray[np.floating[Any]]
Points = Sequence[tuple[float, float]]
"""Corners (x, y) in pixels."""
Shape = tuple[int, Mask]
"""A class index, or `IGNORE`, and its pixels."""


def polygon(points: Points, height: int, width: int) -> Mask:
    """The inside of a polygon by the even-odd rule, (height, width)."""
    mask = np.zeros((height, width), bool)
    across, down = _centres(height, width)
    for (x0, y0), (x1, y1) in pairwise([*points, points[0]]):
        if y0 == y1:
            continue
        at_height = ((down >= y0) != (down >= y1))[:, 0]  # half open: a corner belongs to one of its edges
        reached = x0 + (down[at_height] - y0) * ((x1 - x0) / (y1 - y0))
        mask[at_height] ^= across < reached
    return mask


def rectangle(points: Points, height: int, width: int) -> Mask:
    """What lies between the outermost of some corners."""
    xs, ys = zip(*points, strict=True)
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    return polygon([(left, top), (right, top), (right, bottom), (left, bottom)], height, width)


def disc(centre: tuple[float, float], edge: tuple[float, float], height: int, width: int) -> Mask:
    """The disc around a centre through a point of its edge."""
    across, down = _centres(height, width)
    radius = np.hypot(edge[0] - centre[0], edge[1] - centre[1])
    inside: Mask = np.hypot(across - centre[0], down - centre[1]) <= radius
    return inside


def around(centre: tuple[float, float], edge: tuple[float, float]) -> Points:
    """Two corners of the square around a disc."""
    radius = float(np.hypot(edge[0] - centre[0], edge[1] - centre[1]))
    return [(centre[0] - radius, centre[1] - radius), (centre[0] + radius, centre[1] + radius)]


def stroke(points: Points, thick: float, height: int, width: int) -> Mask:
    """A line from point to point, so many pixels thick; at one pixel it has no gap."""
    mask = np.zeros((height, width), bool)
    across, down = _centres(height, width)
    for (x0, y0), (x1, y1) in pairwise(points):
        dx, dy = x1 - x0, y1 - y0
        along = ((across - x0) * dx + (down - y0) * dy) / max(dx * dx + dy * dy, 1e-9)
        along = along.clip(0, 1)
        mask |= np.hypot(across - x0 - along * dx, down - y0 - along * dy) <= thick / 2
    return mask


def stamp(part: Mask, corner: tuple[float, float], height: int, width: int) -> Mask:
    """A small mask with its first pixel at a place (x, y) of a larger one; what lies outside is cut off."""
    left, top = (round(value) for value in corner)
    mask = np.zeros((height, width), bool)
    down, across = np.nonzero(part)
    down, across = down + top, across + left
    inside = (down >= 0) & (down < height) & (across >= 0) & (across < width)
    mask[down[inside], across[inside]] = True
    return mask


def leaves(points: Points, height: int, width: int) -> bool:
    """Whether corners lie so far outside that a pixel centre there could be theirs."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs) < -0.5 or min(ys) < -0.5 or max(xs) > width + 0.5 or max(ys) > height + 0.5


def run_lengths(counts: Sequence[int], height: int, width: int) -> Mask:
    """COCO's run lengths: pixels outside and inside in turn, down one column after the other."""
    if min(counts, default=0) < 0 or sum(counts) != height * width:  # before there is an array of that many
        raise ValueError(f"its run lengths are of {sum(counts)} pixels and not of {height * width}")
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(width, height).T


def decode_counts(text: str) -> list[int]:
    """The run lengths in COCO's compressed string.

    Each is a chain of characters from '0' on with five bits each, the lowest first; the sixth bit says that more
    follow, and the highest bit of the last is the sign. From the fourth on they are differences to the last but one.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text.encode("ascii"):
        bits = character - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) and 1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    return counts


def paint(shapes: Sequence[Shape], under: int, overlaps: str, background: int, size: tuple[int, int]) -> Labels:
    """A mask (height, width) of shapes: `under` where there is none, the rule `overlaps` where they meet.

    By `first`, what is drawn as background or as not to be scored gives way to all else.
    """
    labels = np.full(size, under, np.int64)
    last = {background: 1, 255: 2}
    order = sorted(shapes, key=lambda shape: (-last.get(shape[0], 0), -shape[0])) if overlaps == "first" else shapes
    for label, mask in order:
        labels[mask] = label
    return labels


def _centres(height: int, width: int) -> tuple[Numbers, Numbers]:
    """Pixel centres across (1, width) and down (height, 1)."""
    return np.arange(width)[None, :] + 0.5, np.arange(height)[:, None] + 0.5
