"""Shapes and cameras of the drawn datasets: distances hold at the border, projections keep what they should."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from partbench.datasets.drawing.camera import grid
from partbench.datasets.drawing.sampling import Array
from partbench.datasets.drawing.shapes import chain, ellipse, facing, limb, melt, polygon, winding

SMALL = st.floats(0.05, 0.3)
PIXELS = grid(32)
UP = np.array([[0.0, -1.0]], np.float32)


def scalar(value: float) -> Array:
    return np.full((1, 1, 1), value, np.float32)


def square(half: float) -> Array:
    """Corners that run clockwise on screen."""
    corners = [[-half, half], [-half, -half], [half, -half], [half, half]]
    return np.array([corners], np.float32)


@given(SMALL)
def test_a_polygon_is_below_zero_just_inside_its_corners(half: float) -> None:
    """A square covers the pixels whose centres lie in it, in either sense of its corners."""
    inside = np.maximum(np.abs(PIXELS.x), np.abs(PIXELS.y)) < half
    assert ((polygon(PIXELS, square(half)) < 0) == inside).all()
    assert ((polygon(PIXELS, square(half)[:, ::-1]) < 0) == inside).all()


@given(SMALL)
def test_rounding_a_square_to_the_end_gives_a_disc(half: float) -> None:
    """With a radius of half its side, the square's distance is that of its inscribed circle."""
    rounded = polygon(PIXELS, square(half), half)
    circle = np.sqrt(PIXELS.x**2 + PIXELS.y**2) - half
    np.testing.assert_allclose(rounded[0][circle[0] > -0.5 * half], circle[0][circle[0] > -0.5 * half], atol=1e-5)


def test_winding_tells_outside_from_inside() -> None:
    """Clockwise on screen is the outside, and a mirrored camera exchanges the two."""
    assert winding(square(0.25))[0, 0, 0] == 0.5
    assert facing(square(0.25), np.ones((1, 1), np.float32)).item() == 1
    assert facing(square(0.25), -np.ones((1, 1), np.float32)).item() == 0


@given(SMALL, SMALL)
def test_an_ellipse_is_zero_on_its_border(width: float, height: float) -> None:
    """The sign is exact everywhere."""
    inside = (PIXELS.x / np.float32(width)) ** 2 + (PIXELS.y / np.float32(height)) ** 2 - 1
    distance = ellipse(PIXELS, scalar(0), scalar(0), scalar(width), scalar(height))
    clear = np.abs(inside) > 1e-3
    assert (np.sign(distance)[clear] == np.sign(inside)[clear]).all()


def test_a_limb_is_bright_where_it_faces_the_light() -> None:
    """Light from above makes the upper half of a level limb brighter; its thickness changes along it."""
    start, end = np.array([[-0.3, 0.0]], np.float32), np.array([[0.3, 0.0]], np.float32)
    distance, tone = limb(PIXELS, start, end, np.array([[0.2]], np.float32), np.array([[0.1]], np.float32), UP)
    assert (tone[0, :14] > 0).all() and (tone[0, 18:] < 0).all() and np.abs(tone).max() <= 1
    inside = distance[0] < 0
    assert inside[:, 7].sum() > inside[:, 24].sum() > 0


def test_melting_only_adds_and_a_chain_holds_its_limbs() -> None:
    """What lies in one of two shapes lies in both melted together; without width it is their union."""
    joints = np.array([[[-0.3, -0.2], [0.0, 0.1], [0.3, -0.2]]], np.float32)
    radii = np.array([[0.1, 0.06, 0.08]], np.float32)
    parts = [
        limb(PIXELS, joints[:, k], joints[:, k + 1], radii[:, k, None], radii[:, k + 1, None], UP) for k in range(2)
    ]
    (one, first), (other, second) = parts
    union = np.minimum(one, other)
    assert (melt(one, other, (first, second), 0.1)[0] <= union + 1e-6).all()
    np.testing.assert_allclose(chain(PIXELS, joints, radii, UP, 1e-6)[0], union, atol=1e-5)
