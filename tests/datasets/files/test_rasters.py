"""Polygons, discs, lines and run lengths as pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.draw import disk, polygon2mask

from partbench.datasets.files.rasters import decode_counts, disc, paint, polygon, run_lengths, stroke

WIDTH, HEIGHT = 24, 16


COMPRESSED = "c26:00LG1930000000000m4"
"""What pycocotools 2.0.11 writes for pixels 5 to 13 across and 3 to 8 down, without (7, 5)."""


def square(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def box_mask(left: int, top: int, right: int, bottom: int, value: int = 1) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.int64)
    mask[top:bottom, left:right] = value
    return mask


CORNERS = st.lists(st.tuples(st.floats(-5, 29, width=32), st.floats(-5, 21, width=32)), min_size=3, max_size=8)


@given(CORNERS)
def test_a_polygon_has_the_pixels_whose_centres_it_holds(corners: list[tuple[float, float]]) -> None:
    """As scikit-image says, whose pixels have their centres at whole numbers; a centre on an edge may be either way."""
    ours = polygon(corners, HEIGHT, WIDTH)
    theirs = polygon2mask((HEIGHT, WIDTH), np.array(corners)[:, ::-1] - 0.5)
    near = np.logical_or.reduce(
        [stroke([a, b], 1e-3, HEIGHT, WIDTH) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    )
    assert (ours == theirs)[~near].all()


def test_neighbours_share_no_pixel() -> None:
    """Two polygons with one edge in common cover every pixel of both once, wherever the edge lies."""
    for edge in np.arange(4, 12, 0.25):
        left, right = (polygon(square(*box), HEIGHT, WIDTH) for box in ((2, 2, edge, 9), (edge, 2, 20, 9)))
        assert not (left & right).any()
        assert ((left | right) == polygon(square(2, 2, 20, 9), HEIGHT, WIDTH)).all()


def test_a_disc_is_round() -> None:
    """As scikit-image draws it."""
    rows, columns = disk((7 - 0.5, 11 - 0.5), 5.001, shape=(HEIGHT, WIDTH))
    theirs = np.zeros((HEIGHT, WIDTH), bool)
    theirs[rows, columns] = True
    assert (disc((11, 7), (14, 11), HEIGHT, WIDTH) == theirs).all()


def test_a_line_of_one_pixel_has_no_gap() -> None:
    """Every column that it crosses has a pixel, and no column more than two."""
    line = stroke([(1, 1), (20, 9.3)], 1, HEIGHT, WIDTH)
    assert set(line[:, 2:19].sum(0)) <= {1, 2}


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_run_lengths_are_the_mask(mask: np.ndarray) -> None:
    """Columns one after the other, outside first, come back as they were."""
    flat = mask.T.ravel()
    changes = np.flatnonzero(np.diff(np.concatenate([[False], flat]).astype(int))).tolist()
    counts = np.diff([0, *changes, flat.size]).tolist()
    assert (run_lengths(counts, *mask.shape) == mask).all()


def test_compressed_run_lengths_are_those_of_pycocotools() -> None:
    """The string that it wrote is the mask that it was given."""
    expected = box_mask(5, 3, 14, 9) > 0
    expected[5, 7] = False
    assert (run_lengths(decode_counts(COMPRESSED), HEIGHT, WIDTH) == expected).all()


def test_the_rule_of_overlaps_has_a_name() -> None:
    """By `painter` the later shape lies on top, by `first` the class that stands first, and background gives way."""
    left, right, erased = (polygon(square(*box), 4, 12) for box in ((0, 0, 6, 4), (4, 0, 9, 4), (0, 0, 2, 4)))
    shapes = [(1, left), (2, right), (0, erased)]
    assert paint(shapes, 0, "painter", 0, (4, 12))[0].tolist() == [0, 0, 1, 1, 2, 2, 2, 2, 2, 0, 0, 0]
    assert paint(shapes, 0, "first", 0, (4, 12))[0].tolist() == [1, 1, 1, 1, 1, 1, 2, 2, 2, 0, 0, 0]
