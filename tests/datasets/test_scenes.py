"""The procedural scenes: what a seed fixes, and that their contours are those of the picture."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.segmentation import find_boundaries
from torch import Tensor

from partbench.datasets.checks import CHECKS
from partbench.datasets.dataset import Dataset, Splits
from partbench.datasets.drawing.sampling import ParameterSampler
from partbench.datasets.scenes import CLASSES, partbench_datasets
from partbench.datasets.scenes.fills import PATTERNS
from partbench.datasets.scenes.outlines import OUTLINES, draw_traits
from partbench.datasets.scenes.render import contours, label, render
from partbench.datasets.scenes.splits import Scenes, open_splits

SEEDS = st.integers(0, 2_000_000)
ALL = Scenes(range(2_000_001))


@pytest.fixture(scope="module")
def splits() -> Splits:
    return open_splits()


@pytest.fixture(scope="module")
def some(splits: Splits) -> tuple[Tensor, Tensor]:
    """Sixty scenes with their contours."""
    return splits.pool.images(range(60), 64), splits.pool.masks(range(60), 64)


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_every_check(check: object) -> None:
    """Scenes keep the promises of any dataset."""
    (dataset,) = partbench_datasets()
    assert isinstance(dataset, Dataset) and callable(check)
    assert (dataset.name, dataset.classes) == ("scenes", CLASSES)
    check(dataset)


def test_importing_the_plugin_imports_neither_torch_nor_numpy() -> None:
    """Listing stays instant."""
    code = "import sys, partbench.datasets.scenes; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_splits_share_no_seed(splits: Splits) -> None:
    """A thousand scenes in each labelled split, and a million to train on, contours and all."""
    parts = (splits.pool, splits.validation, splits.test, splits.unlabelled)
    ranges = [part.seeds for part in parts if isinstance(part, Scenes)]
    assert [len(seeds) for seeds in ranges] == [1_000, 1_000, 1_000, 1_000_000]
    for one, other in combinations(ranges, 2):
        assert one[-1] < other[0] or other[-1] < one[0]
    assert splits.unlabelled is not None
    assert splits.unlabelled.masks([999_999], 32).sum() > 0
    assert splits.pool.images([], 16).shape == (0, 3, 16, 16)
    assert splits.pool.masks([], 16).shape == (0, 16, 16)


@settings(max_examples=10)
@given(st.lists(SEEDS, min_size=1, max_size=10), st.data())
def test_a_scene_depends_on_its_seed_alone(seeds: list[int], data: st.DataObject) -> None:
    """Neither the batch it is drawn in nor its place there changes a pixel by more than rounding."""
    row = data.draw(st.integers(0, len(seeds) - 1))
    together, alone = ALL.images(seeds, 24)[row], ALL.images([seeds[row]], 24)[0]
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=0)
    assert (ALL.masks(seeds, 24)[row] != ALL.masks([seeds[row]], 24)[0]).float().mean() < 0.01


@settings(max_examples=10)
@given(SEEDS)
def test_a_seed_is_the_same_scene_at_any_size(seed: int) -> None:
    """At three times the size, the middle pixel of each 3x3 block has the small pixel's centre and so its thing."""
    small, large = label([seed], 32), label([seed], 96)
    assert (small == large[:, 1::3, 1::3]).mean() > 0.98
    blurred = torch.nn.functional.avg_pool2d(ALL.images([seed], 96), 3)
    assert (blurred - ALL.images([seed], 32)).abs().mean() < 0.04


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_contours_are_where_the_thing_changes(seed: int) -> None:
    """They are the side of scikit-image's thick boundaries that looks right or down, and nothing else."""
    labels = np.random.default_rng(seed).integers(0, 3, (1, 9, 9), dtype=np.uint8)
    lines = contours(labels)[0]
    for row in range(9):
        for column in range(9):
            neighbours = [(row + 1, column)] * (row < 8) + [(row, column + 1)] * (column < 8)
            assert lines[row, column] == any(labels[0][at] != labels[0, row, column] for at in neighbours)
    assert not (lines & ~find_boundaries(labels[0], connectivity=1)).any()


def test_contours_are_thin_and_separate_the_things() -> None:
    """A straight border between two things is a line one pixel wide; one thing alone has none."""
    labels = np.zeros((1, 8, 8), np.uint8)
    assert not contours(labels).any()
    labels[:, :, 5:] = 1
    assert np.array_equal(np.flatnonzero(contours(labels)[0, 3]), [4])


def test_contours_are_where_the_picture_changes(some: tuple[Tensor, Tensor]) -> None:
    """The picture is much steeper on contours than off them, though things have textures and shadows."""
    images, masks = some
    steep = (images[:, :, 1:, :-1] - images[:, :, :-1, :-1]).abs() + (
        images[:, :, :-1, 1:] - images[:, :, :-1, :-1]
    ).abs()
    inner = masks[:, :-1, :-1] == 1
    assert steep.mean(1)[inner].mean() > 3 * steep.mean(1)[~inner].mean()
    share = masks.float().mean((1, 2))
    assert 0.03 < share.mean() < 0.15
    assert (share > 0).float().mean() > 0.95


def test_the_border_of_a_thing_is_where_its_distance_is_zero() -> None:
    """Beside every border, one pixel changes the distance by one pixel: what antialiasing needs."""
    sampler, size = ParameterSampler(range(12), 512), 128
    traits = draw_traits(sampler, 0.5, 0.7)
    at = np.linspace(-1, 1, size, dtype=np.float32)
    x, y = (np.ascontiguousarray(np.broadcast_to(plane, (12, size, size))) for plane in (at, at[:, None]))
    for outline in OUTLINES:
        distance = outline(x, y, traits)
        assert distance.dtype == np.float32
        steep = np.hypot(*np.gradient(distance, 2 / (size - 1), axis=(1, 2)))
        near = np.abs(distance) < 0.02
        assert near.any(axis=(1, 2)).all()
        assert abs(float(np.median(steep[near])) - 1) < 0.05
        assert np.quantile(steep[near], 0.95) < 1.3
        if outline.__name__ != "horizon":
            assert (distance[:, size // 2, size // 2] < 0).all()
            assert (distance[:, 0, 0] > 0).all()


@given(SEEDS)
@settings(max_examples=10)
def test_a_pattern_stays_between_its_two_colours(seed: int) -> None:
    """Every fill is a mixture."""
    x, y = np.random.default_rng(seed).uniform(-2, 2, (2, 1, 16, 16)).astype(np.float32)
    frequency, phase = np.float32([[[3.0]]]), np.float32([[[seed % 7]]])
    for pattern in PATTERNS:
        field = pattern(x, y, frequency, phase)
        assert field.shape == x.shape and field.min() >= -1e-6 and field.max() <= 1 + 1e-6


def test_everything_is_painted_in_single_precision() -> None:
    """A parameter in double precision would silently halve the speed."""
    assert render([1, 2], 16).dtype == np.float32
    sampler = ParameterSampler([1, 2], 512)
    values = [
        sampler.uniform(0.0, 2 * np.pi),
        sampler.log_uniform(0.1, 2.0),
        sampler.chance(0.5),
        sampler.colour(0.05, 0.95),
    ]
    assert {value.dtype for value in values} == {np.dtype(np.float32)}


def test_kinds_come_as_often_as_their_shares() -> None:
    """A choice among kinds follows the shares, and numbers spread by doublings."""
    sampler = ParameterSampler(range(2000), 512)
    counts = np.bincount(sampler.choice((3, 1)), minlength=2)
    assert counts.sum() == 2000 and abs(counts[0] / 2000 - 0.75) < 0.05
    values = sampler.log_uniform(0.25, 4.0)
    assert abs(float(np.median(values)) - 1) < 0.2
    assert math.isclose(float(values.min()), 0.25, rel_tol=0.1)
