"""The procedural faces: what a seed fixes, what the splits promise, and that the task is one."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.datasets.dataset import DatasetError, Splits
from partbench.datasets.drawing.canvas import cover
from partbench.datasets.drawing.sampling import ParameterSampler
from partbench.datasets.drawing.splits import Drawings
from partbench.datasets.faces import CLASSES, configure, open_faces, partbench_datasets
from partbench.datasets.faces.geometry import place, wrap
from partbench.datasets.faces.identity import draw_person
from partbench.datasets.faces.render import THROWS, paint, render

SEEDS = st.integers(0, 2_000_000)


@pytest.fixture(scope="module")
def splits() -> Splits:
    return open_faces()


@pytest.fixture(scope="module")
def pool_masks(splits: Splits) -> Tensor:
    return splits.pool.masks(range(120), 64)


@pytest.fixture(scope="module")
def test_masks(splits: Splits) -> Tensor:
    return splits.test.masks(range(120), 64)


def weighted_iou(predicted: Tensor, truth: Tensor) -> float:
    """Per-class IoU over all pixels, weighted by the class's share of the ground truth, in percent."""
    total = 0.0
    for label in range(len(CLASSES)):
        ours, theirs = predicted == label, truth == label
        union = (ours | theirs).sum().item()
        total += theirs.double().mean().item() * ((ours & theirs).sum().item() / union if union else 0.0)
    return 100 * total


def test_the_hook_offers_the_ten_classes_of_the_paper() -> None:
    (dataset,) = partbench_datasets()
    assert (dataset.name, dataset.classes) == ("faces", CLASSES)
    assert dataset.classes[:5] == ("background", "eyes", "mouth", "nose", "face")
    assert dataset.classes[5:] == ("clothes", "hair", "eyebrows", "ears", "neck")
    assert len(dataset.load().pool) == 1_000


def test_the_three_classes_are_the_ten_merged(splits: Splits) -> None:
    """Eyes, mouth and nose stay where they are, all else becomes background, which is never averaged over."""
    dataset = configure("#paper3")
    assert (dataset.classes, dataset.excluded) == (CLASSES[:4], {"background"})
    for split in ("pool", "validation", "test"):
        ten = getattr(splits, split).masks([3], 32)
        assert torch.equal(getattr(dataset.load(), split).masks([3], 32), torch.where(ten < 4, ten, 0))


def test_a_grouping_that_is_none() -> None:
    """The sentence names those that there are."""
    with pytest.raises(
        DatasetError, match="faces has no option 'paper9': there are paper10, paper3, arbitrary; did you mean"
    ):
        configure("#paper9")
    with pytest.raises(DatasetError, match="leave out ':x', or choose faces#paper10 or faces#paper3"):
        configure("x")


def test_importing_the_plugin_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, partbench.datasets.faces; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_images_and_masks_have_the_promised_types_and_ranges(splits: Splits) -> None:
    images, masks = splits.pool.images([0, 7, 999], 48), splits.pool.masks([0, 7, 999], 48)
    assert images.shape == (3, 3, 48, 48) and images.dtype == torch.float32
    assert masks.shape == (3, 48, 48) and masks.dtype == torch.int64
    assert images.min() >= 0 and images.max() <= 1 and images.isfinite().all()
    assert masks.min() >= 0 and masks.max() < len(CLASSES)


def test_everything_is_painted_in_single_precision() -> None:
    """A parameter in double precision would silently halve the speed."""
    canvas = paint([1, 2, 3], 16)
    person = draw_person(ParameterSampler([1, 2, 3], THROWS))
    assert canvas.image.dtype == np.float32
    for record in (person.pose, person.features, person.hair):
        assert {name: values.dtype for name, values in vars(record).items() if values.dtype != np.float32} == {}


def test_no_indices_give_an_empty_batch(splits: Splits) -> None:
    assert splits.pool.images([], 32).shape == (0, 3, 32, 32)
    assert splits.pool.masks([], 32).shape == (0, 32, 32)


def test_splits_share_no_seed_and_no_name(splits: Splits) -> None:
    parts = [splits.pool, splits.validation, splits.test, splits.unlabelled]
    assert all(isinstance(part, Drawings) for part in parts)
    ranges = [part.seeds for part in parts if isinstance(part, Drawings)]
    for one, other in combinations(ranges, 2):
        assert one[-1] < other[0] or other[-1] < one[0]
    assert [len(seeds) for seeds in ranges] == [1_000, 1_000, 1_000, 1_000_000]
    assert splits.pool.name(5) != splits.test.name(5)


def test_an_index_outside_the_split_never_reaches_another_split(splits: Splits) -> None:
    with pytest.raises(IndexError):
        splits.pool.images([len(splits.pool)], 16)


def test_the_unlabelled_split_has_images_but_no_masks(splits: Splits) -> None:
    assert splits.unlabelled is not None
    assert splits.unlabelled.images([999_999], 16).shape == (1, 3, 16, 16)
    with pytest.raises(DatasetError, match="no masks"):
        splits.unlabelled.masks([0], 16)


@settings(max_examples=10, deadline=None)
@given(st.lists(SEEDS, min_size=1, max_size=10), st.data())
def test_a_face_depends_on_its_seed_alone(seeds: list[int], data: st.DataObject) -> None:
    """Neither the batch it is drawn in nor its place there changes a pixel by more than rounding."""
    faces = Drawings(range(2_000_001), render, "faces")
    row = data.draw(st.integers(0, len(seeds) - 1))
    together, alone = faces.images(seeds, 24)[row], faces.images([seeds[row]], 24)[0]
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert (faces.masks(seeds, 24)[row] != faces.masks([seeds[row]], 24)[0]).float().mean() < 0.005


def test_the_same_call_gives_the_same_bits(splits: Splits) -> None:
    assert torch.equal(splits.test.images(range(9), 64), splits.test.images(range(9), 64))
    assert torch.equal(splits.test.masks(range(9), 64), splits.test.masks(range(9), 64))


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_a_seed_is_the_same_face_at_any_size(seed: int) -> None:
    """At three times the size, the middle pixel of each 3x3 block has the small pixel's centre and so its label."""
    faces = Drawings(range(2_000_001), render, "faces")
    small, large = faces.masks([seed], 48), faces.masks([seed], 144)
    assert (small == large[:, 1::3, 1::3]).float().mean() > 0.97
    blurred = torch.nn.functional.avg_pool2d(faces.images([seed], 144), 3)
    assert (blurred - faces.images([seed], 48)).abs().mean() < 0.02


def test_edges_are_soft_in_the_picture(splits: Splits) -> None:
    """A shape covers a pixel by half when its edge runs through the centre, and the mask follows at one half."""
    distance = np.linspace(-1, 1, 9, dtype=np.float32).reshape(1, 1, 9)
    alpha = cover(distance, np.ones((1, 1, 1), np.float32))
    assert alpha[0, 0].tolist() == [1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0]


def test_every_class_has_its_share_of_the_pool(pool_masks: Tensor) -> None:
    share = torch.bincount(pool_masks.flatten(), minlength=len(CLASSES)) / pool_masks.numel()
    assert share.min() > 0.004, dict(zip(CLASSES, share.tolist(), strict=True))
    assert share[CLASSES.index("eyes")] > 0.008
    assert share[CLASSES.index("background")] < 0.48


def test_eyes_stay_in_the_frame_and_are_wide_enough_to_learn(test_masks: Tensor) -> None:
    eyes = (test_masks == CLASSES.index("eyes")).flatten(1).sum(1)
    assert (eyes >= 8).float().mean() > 0.97
    assert eyes.float().median() >= 30


def test_copying_a_training_mask_is_no_solution(pool_masks: Tensor, test_masks: Tensor) -> None:
    """The control that has to stay low: one pool mask laid over every test image."""
    scores = [weighted_iou(mask.expand_as(test_masks), test_masks) for mask in pool_masks[:25]]
    assert sum(scores) / len(scores) <= 40


def test_colours_do_not_tell_the_parts_by_themselves(splits: Splits) -> None:
    """Some backgrounds have the colour of skin: closer to a face's mean than a tenth of that face's own pixels."""
    images, masks = splits.pool.images(range(60), 32), splits.pool.masks(range(60), 32)
    alike = 0
    for image, mask in zip(images, masks, strict=True):
        skin, around = image[:, mask == CLASSES.index("face")], image[:, mask == 0]
        mean = skin.mean(1, keepdim=True)
        limit = (skin - mean).norm(dim=0).quantile(0.9)
        alike += int(((around - mean).norm(dim=0) < limit).float().mean() > 0.3)
    assert alike >= 3


@settings(max_examples=25, deadline=None)
@given(st.lists(SEEDS, min_size=1, max_size=6))
def test_every_pixel_of_the_head_lies_on_the_ellipsoid(seeds: list[int]) -> None:
    """Turning keeps lengths: a pixel inside the outline is carried to a point of length one."""
    person = draw_person(ParameterSampler(seeds, THROWS))
    surface = wrap(person, place(person.pose, 16))
    length = np.square(surface.x / person.features.width) + np.square(surface.y) + np.square(surface.z)
    assert surface.x.dtype == np.float32
    np.testing.assert_allclose(length[surface.outline < 0], 1, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.lists(SEEDS, min_size=1, max_size=6), st.floats(-2, 2), st.floats(0.01, 3))
def test_dice_stay_in_their_range(seeds: list[int], low: float, span: float) -> None:
    sampler = ParameterSampler(seeds, THROWS)
    uniform, normal, colour = sampler.uniform(low, low + span), sampler.normal(span, 0.5), sampler.colour(0.2, 0.4)
    assert uniform.shape == normal.shape == (len(seeds), 1, 1) and colour.shape == (len(seeds), 3, 1, 1)
    assert (uniform >= low - 1e-5).all() and (uniform <= low + span + 1e-5).all()
    assert (abs(normal) <= 0.5).all() and (colour >= 0.2).all() and (colour <= 0.4).all()
