"""The procedural horses: their parts, their poses, and that a place in the frame tells little."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partbench.datasets.drawing.sampling import Array, ParameterSampler
from partbench.datasets.horses import CLASSES, partbench_datasets
from partbench.datasets.horses.gait import Gait, draw_build, draw_gait
from partbench.datasets.horses.meadow import draw_meadow
from partbench.datasets.horses.parts import Horse
from partbench.datasets.horses.pose import pose
from partbench.datasets.horses.render import SALT, THROWS, draw_horse, paint, render

SEEDS = st.lists(st.integers(0, 2_000_000), min_size=1, max_size=6)
Masks = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def masks() -> Masks:
    return render(range(160), 64)[1]


@pytest.fixture(scope="module")
def many() -> tuple[Horse, Gait]:
    return draw_horse(ParameterSampler(range(600), THROWS, SALT))


def test_the_hook_offers_the_classes_of_table_5() -> None:
    """Head, neck with torso, legs and tail, after the background."""
    (dataset,) = partbench_datasets()
    assert (dataset.name, dataset.classes) == ("horses", CLASSES)
    assert dataset.classes == ("background", "head", "neck+torso", "legs", "tail")


def test_everything_is_painted_in_single_precision() -> None:
    """A parameter in double precision would silently halve the speed."""
    horse, gait = draw_horse(ParameterSampler([1, 2, 3], THROWS, SALT))
    assert paint([1, 2, 3], 16).image.dtype == np.float32
    for record in (gait, horse.build, horse.camera):
        assert {name: value.dtype for name, value in vars(record).items() if value.dtype != np.float32} == {}
    assert horse.skeleton.joints().dtype == np.float32 and horse.coat.colour.dtype == np.float32


def test_most_horses_show_all_parts(masks: Masks) -> None:
    """At 64 pixels, tails have at least four on nine horses in ten, all other parts on nineteen in twenty."""
    shown = {name: np.mean((masks == k).sum((1, 2)) >= 4) for k, name in enumerate(CLASSES)}
    assert shown.pop("tail") > 0.9
    assert min(shown.values()) > 0.95, shown


def test_every_class_has_its_share_of_the_pixels(masks: Masks) -> None:
    """Even the tail is worth learning, and the background leaves room."""
    share = dict(zip(CLASSES, np.bincount(masks.ravel(), minlength=len(CLASSES)) / masks.size, strict=True))
    assert min(share.values()) > 0.008
    assert share["legs"] > 0.05 and share["neck+torso"] > 0.1 and share["background"] < 0.8


def test_copying_a_training_mask_is_no_solution(masks: Masks) -> None:
    """The control that has to stay low: one mask laid over other horses finds few parts."""
    test = render(range(2_000, 2_080), 64)[1]
    scores = [mean_iou(np.broadcast_to(mask, test.shape), test) for mask in masks[:20]]
    assert np.mean(scores) < 27


def test_horses_are_seen_from_all_sides(many: tuple[Horse, Gait]) -> None:
    """Front, rear and side, each from left and from right."""
    camera = many[0].camera
    ahead, mirror = camera.towards[:, 0, 0], camera.mirror[:, 0]
    for seen in (ahead > 0.5, ahead < -0.5, np.abs(ahead) < 0.4):
        assert min(np.mean(seen & (mirror > 0)), np.mean(seen & (mirror < 0))) > 0.05


def test_grazing_horses_have_their_head_below_their_back(many: tuple[Horse, Gait]) -> None:
    """One horse in five grazes, and of the others none reaches the grass."""
    horse, gait = many
    grazing = gait.grazing[:, 0, 0] > 0.5
    muzzle, back = horse.skeleton.head[:, -1, 1], horse.skeleton.torso[:, 1, 1]
    assert 0.14 < grazing.mean() < 0.26
    assert (muzzle[grazing] < 0.5).all() and (muzzle[grazing] > 0).all()
    assert (muzzle[~grazing] > back[~grazing] - 0.2).all()


def test_nobody_rides_a_grazing_horse(many: tuple[Horse, Gait]) -> None:
    """Riders, which are background, sit on some of the others."""
    horse, gait = many
    rider = draw_meadow(ParameterSampler(range(600), THROWS, SALT), gait, horse.coat.colour).rider
    assert (rider * gait.grazing == 0).all()
    assert 0.05 < rider.mean() < 0.25


@settings(max_examples=25)
@given(SEEDS)
def test_bones_keep_their_length_and_hooves_the_ground(seeds: list[int]) -> None:
    """However a leg is folded, its bones are as long as the build says; the lowest hoof touches the ground."""
    sampler = ParameterSampler(seeds, THROWS, SALT)
    gait, build = draw_gait(sampler), draw_build(sampler)
    skeleton = pose(gait, build)
    for leg, (upper, lower) in zip(skeleton.legs, [(0.29, 0.26), (0.28, 0.29)] * 2, strict=True):
        bones = np.linalg.norm(np.diff(leg, axis=1), axis=2)
        expected = [upper * build.leg[:, 0, 0], lower * build.leg[:, 0, 0], 0.07, 0.045]
        for bone, length in zip(bones.T, expected, strict=True):
            np.testing.assert_allclose(bone, length, atol=1e-4)
    lowest = np.min([leg[:, -1, 1] for leg in skeleton.legs], axis=0)
    np.testing.assert_allclose(lowest, 0.012, atol=1e-4)


@settings(max_examples=25)
@given(SEEDS)
def test_knees_fold_backwards_and_hocks_point_backwards(seeds: list[int]) -> None:
    """The knee lies never behind the line from shoulder to fetlock, the hock never before that from stifle to it."""
    sampler = ParameterSampler(seeds, THROWS, SALT)
    skeleton = pose(draw_gait(sampler), draw_build(sampler))
    for index, sign in ((0, 1), (1, -1), (2, 1), (3, -1)):
        first, joint, last = (skeleton.legs[index][:, k, :2] for k in range(3))
        bend = np.cross(np.pad(last - first, ((0, 0), (0, 1))), np.pad(joint - first, ((0, 0), (0, 1))))[:, 2]
        assert (sign * bend > -1e-4).all()


def mean_iou(predicted: Array | Masks, truth: Masks) -> float:
    """The mean over classes of the IoU over all pixels, in percent."""
    scores = []
    for label in range(len(CLASSES)):
        ours, theirs = predicted == label, truth == label
        scores.append((ours & theirs).sum() / max((ours | theirs).sum(), 1))
    return 100 * float(np.mean(scores))
