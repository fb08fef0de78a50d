"""A camera that looks at what is drawn."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from partbench.datasets.drawing.camera import aim, fit, points
from partbench.datasets.drawing.sampling import Array

ANGLES = st.floats(0.05, 3.1)


def scalar(value: float) -> Array:
    return np.full((1, 1, 1), value, np.float32)


@given(ANGLES, st.floats(0.0, 0.5), st.sampled_from([-1.0, 1.0]))
def test_a_camera_looks_along_three_perpendicular_directions(yaw: float, pitch: float, mirror: float) -> None:
    """Right, up and towards are of length one and at right angles; the near side is at z > 0."""
    camera = aim(scalar(yaw), scalar(pitch), scalar(5.0), scalar(mirror))
    frame = np.concatenate([camera.right, camera.up, camera.towards], axis=1)[0]
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-5)
    assert camera.towards[0, 0, 2] > 0
    np.testing.assert_allclose(np.cross(frame[0], frame[1]), frame[2], atol=1e-5)


@given(ANGLES, st.floats(0.3, 0.9), st.floats(-1, 1))
def test_fitting_brings_all_corners_into_the_frame(yaw: float, fill: float, across: float) -> None:
    """The longer side takes its share of the frame; what fills less than all of it is cut by little."""
    corners = points(*((x, y, z) for x in (-2.0, 2.0) for y in (0.0, 1.5) for z in (-1.0, 1.0)))
    camera = aim(scalar(yaw), scalar(0.2), scalar(8.0), scalar(1.0))
    seen = fit(camera, corners, scalar(fill), scalar(across), scalar(-across)).project(corners)
    sides = seen.max(1) - seen.min(1)
    np.testing.assert_allclose(sides.max(), fill, rtol=1e-4)
    assert np.abs(seen).max() < 0.5 + 0.04 + 1e-4


@given(ANGLES, st.floats(0.05, 0.5))
def test_far_ground_lies_at_the_horizon(yaw: float, pitch: float) -> None:
    """A point of the ground a long way behind the thing is seen just below the horizon."""
    camera = aim(scalar(yaw), scalar(pitch), scalar(5.0), scalar(1.0))
    away = -1e5 * camera.towards * np.array([1, 0, 1], np.float32)
    np.testing.assert_allclose(camera.project(away)[0, 0, 1], camera.horizon().item(), rtol=1e-2)
