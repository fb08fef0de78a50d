"""What every drawn dataset promises: a seed fixes the picture, splits share no seed, masks hold the classes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partbench.datasets import cars, faces, horses
from partbench.datasets.cars.render import render as render_cars
from partbench.datasets.checks import CHECKS
from partbench.datasets.dataset import Dataset, DatasetError, Splits
from partbench.datasets.drawing.splits import Drawings, Render, in_batches, open_drawings
from partbench.datasets.faces.render import render as render_faces
from partbench.datasets.horses.render import render as render_horses

SEEDS = st.integers(0, 2_000_000)
RENDERS: dict[str, Render] = {"faces": render_faces, "cars": render_cars, "horses": render_horses}
DATASETS: dict[str, Dataset] = {
    dataset.name: dataset for plugin in (faces, cars, horses) for dataset in plugin.partbench_datasets()
}
NEW = ("cars", "horses")

every = pytest.mark.parametrize("name", RENDERS)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", NEW)
def test_a_drawn_dataset_passes_every_check(name: str, check: Callable[[Dataset], None]) -> None:
    """Whatever a dataset has to keep, cars and horses keep; of each split, the first few are looked at."""
    splits = DATASETS[name].load()
    drawn = ((part, one) for part, one in vars(splits).items() if isinstance(one, Drawings))
    few = {part: replace(drawings, seeds=drawings.seeds[:12]) for part, drawings in drawn}
    check(replace(DATASETS[name], load=lambda: Splits(**few)))


@pytest.mark.parametrize("name", NEW)
def test_importing_the_plugin_imports_neither_torch_nor_numpy(name: str) -> None:
    """Listing is cheap."""
    code = f"import sys, partbench.datasets.{name}; sys.exit(bool({{'torch', 'numpy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@every
def test_images_and_masks_have_the_promised_types_and_ranges(name: str) -> None:
    """Images lie in [0, 1], and masks hold indices of classes."""
    pool = DATASETS[name].load().pool
    images, masks = pool.images([0, 7, 999], 48), pool.masks([0, 7, 999], 48)
    assert images.shape == (3, 3, 48, 48) and images.dtype == torch.float32
    assert masks.shape == (3, 48, 48) and masks.dtype == torch.int64
    assert images.min() >= 0 and images.max() <= 1 and images.isfinite().all()
    assert masks.min() >= 0 and masks.max() < len(DATASETS[name].classes)


@every
def test_splits_share_no_seed_and_no_name(name: str) -> None:
    """A thousand each, and a million more without masks."""
    splits = DATASETS[name].load()
    parts = [splits.pool, splits.validation, splits.test, splits.unlabelled]
    ranges = [part.seeds for part in parts if isinstance(part, Drawings)]
    assert [len(seeds) for seeds in ranges] == [1_000, 1_000, 1_000, 1_000_000]
    assert all(one[-1] < other[0] or other[-1] < one[0] for one, other in combinations(ranges, 2))


def test_an_index_outside_the_split_never_reaches_another_split() -> None:
    """The seed after the last of a split is the first of the next one, and stays there."""
    with pytest.raises(IndexError):
        open_drawings(render_cars, "cars").pool.images([1_000], 16)


def test_the_unlabelled_split_names_its_dataset_when_asked_for_masks() -> None:
    """One sentence: the fact, the culprit, the mend."""
    unlabelled = open_drawings(render_horses, "horses").unlabelled
    assert unlabelled is not None and unlabelled.images([999_999], 16).shape == (1, 3, 16, 16)
    with pytest.raises(DatasetError, match="'unlabelled' of horses has no masks; draw them from pool"):
        unlabelled.masks([0], 16)


@every
@settings(max_examples=6)
@given(seeds=st.lists(SEEDS, min_size=1, max_size=10), data=st.data())
def test_a_drawing_depends_on_its_seed_alone(name: str, seeds: list[int], data: st.DataObject) -> None:
    """Neither the batch it is drawn in nor its place there changes a pixel by more than rounding."""
    row = data.draw(st.integers(0, len(seeds) - 1))
    together, labels = RENDERS[name](seeds, 24)
    alone, label = RENDERS[name]([seeds[row]], 24)
    np.testing.assert_allclose(together[row], alone[0], atol=2e-5)
    assert np.mean(labels[row] != label[0]) < 0.005


@pytest.mark.parametrize("name", NEW)
@settings(max_examples=6)
@given(seed=SEEDS)
def test_a_seed_is_the_same_drawing_at_any_size(name: str, seed: int) -> None:
    """At three times the size, the middle pixel of each 3x3 block has the small pixel's centre and so its label."""
    small, large = RENDERS[name]([seed], 48), RENDERS[name]([seed], 144)
    assert np.mean(small[1] == large[1][:, 1::3, 1::3]) > 0.97
    blurred = large[0].reshape(1, 3, 48, 3, 48, 3).mean((3, 5))
    assert np.abs(blurred - small[0]).mean() < 0.02


@every
def test_seeds_draw_different_pictures_in_each_dataset(name: str) -> None:
    """No two of a few hundred seeds give one picture."""
    images, _ = RENDERS[name](range(200), 16)
    assert len({image.tobytes() for image in images}) == 200


def test_how_many_pixels_are_painted_at_once_changes_no_picture() -> None:
    """Batches are a matter of speed."""
    from partbench.datasets.cars.render import paint

    one, few = in_batches(paint, range(7), 32, 1), in_batches(paint, range(7), 32, 3 * 32 * 32)
    np.testing.assert_allclose(one[0], few[0], atol=2e-5)
    assert np.mean(one[1] != few[1]) < 0.002
