"""The procedural cars: their parts, the sides they are seen from, and that a place in the frame tells little."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partbench.datasets.cars import CLASSES, partbench_datasets
from partbench.datasets.cars.body import cap, flank, roof_line, sections, side_profile, top
from partbench.datasets.cars.model import KINDS, SALT, Car, draw_car
from partbench.datasets.cars.panels import shade
from partbench.datasets.cars.render import THROWS, paint, render
from partbench.datasets.drawing.sampling import Array, ParameterSampler

SEEDS = st.lists(st.integers(0, 2_000_000), min_size=1, max_size=6)
Masks = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def masks() -> Masks:
    return render(range(160), 64)[1]


@pytest.fixture(scope="module")
def many() -> Car:
    return draw_car(ParameterSampler(range(600), THROWS, SALT))


def test_the_hook_offers_the_classes_of_table_4() -> None:
    """Body, plate, light, wheel and window, after the background."""
    (dataset,) = partbench_datasets()
    assert (dataset.name, dataset.classes) == ("cars", CLASSES)
    assert dataset.classes == ("background", "body", "plate", "light", "wheel", "window")


def test_everything_is_painted_in_single_precision() -> None:
    """A parameter in double precision would silently halve the speed."""
    car = draw_car(ParameterSampler([1, 2, 3], THROWS, SALT))
    assert paint([1, 2, 3], 16).image.dtype == np.float32
    for record in (car.shape, car.finish, car.camera):
        floats = {name: value for name, value in vars(record).items() if name != "kind"}
        assert {name: value.dtype for name, value in floats.items() if value.dtype != np.float32} == {}


def test_most_cars_show_all_parts(masks: Masks) -> None:
    """At 64 pixels, plates have at least four on every second car, and all other parts on nineteen in twenty."""
    shown = {name: np.mean((masks == k).sum((1, 2)) >= 4) for k, name in enumerate(CLASSES)}
    assert shown.pop("plate") > 0.5
    assert min(shown.values()) > 0.95, shown


def test_every_class_has_its_share_of_the_pixels(masks: Masks) -> None:
    """Even the plate is worth learning, and the background leaves room."""
    share = dict(zip(CLASSES, np.bincount(masks.ravel(), minlength=len(CLASSES)) / masks.size, strict=True))
    assert min(share.values()) > 0.0025
    assert share["light"] > 0.006 and share["body"] > 0.12 and share["background"] < 0.8


def test_copying_a_training_mask_is_no_solution(masks: Masks) -> None:
    """The control that has to stay low: one mask laid over other cars finds few parts."""
    test = render(range(2_000, 2_080), 64)[1]
    scores = [mean_iou(np.broadcast_to(mask, test.shape), test) for mask in masks[:20]]
    assert np.mean(scores) < 22


def test_cars_are_seen_from_all_sides(many: Car) -> None:
    """Front, rear and side, each from left and from right; none of the kinds is rare."""
    ahead, mirror = many.camera.towards[:, 0, 0], many.camera.mirror[:, 0]
    for seen in (ahead > 0.6, ahead < -0.6, np.abs(ahead) < 0.4):
        assert min(np.mean(seen & (mirror > 0)), np.mean(seen & (mirror < 0))) > 0.06
    assert np.bincount(many.shape.kind, minlength=len(KINDS)).min() > 40


def test_the_two_sides_of_a_wheel_and_of_the_road_agree(many: Car) -> None:
    """Wheels stand on the road, under the car and apart from each other."""
    s = many.shape
    assert (s.bottom > 0.1).all() and (s.bottom < s.wheel).all()
    assert (s.axle_front + s.wheel < s.front).all() and (s.axle_rear - s.wheel > -s.front).all()
    assert (s.axle_front - s.axle_rear > 3 * s.wheel).all()


@settings(max_examples=25)
@given(SEEDS)
def test_panels_of_the_hull_are_flat_and_convex(seeds: list[int]) -> None:
    """A panel is drawn as what lies within all its edges, which holds for no other shape."""
    car = draw_car(ParameterSampler(seeds, THROWS, SALT))
    cuts = sections(car)
    panels = [top(*pair) for pair in pairwise(cuts)]
    panels += [flank(cuts[0], cuts[1]), flank(cuts[4], cuts[5]), side_profile(cuts), cap(cuts[0], 1), cap(cuts[5], -1)]
    for panel in panels:
        normals = np.cross(panel[:, 1:-1] - panel[:, :1], panel[:, 2:] - panel[:, :1])
        heights = ((panel - panel[:, :1]) * normals[:, :1]).sum(2)
        assert np.abs(heights).max() < 1e-4
        assert ((normals * normals[:, :1]).sum(2) > -1e-4).all()


@settings(max_examples=25)
@given(SEEDS)
def test_the_roof_rises_to_its_middle(seeds: list[int]) -> None:
    """Between rear slope and windscreen the roof turns one way only, or the cabin had a hole."""
    car = draw_car(ParameterSampler(seeds, THROWS, SALT))
    s, line = car.shape, roof_line(car)
    xs = np.concatenate([s.tail, *(x for x, _, _ in line), s.cowl], axis=2)[:, 0]
    ys = np.concatenate([s.belt, *(y for _, y, _ in line), s.belt], axis=2)[:, 0]
    slopes = np.diff(ys, axis=1) / np.diff(xs, axis=1)
    assert (np.diff(xs, axis=1) > 0).all()
    assert (np.diff(slopes, axis=1) < 1e-4).all()


def test_a_panel_that_faces_the_light_is_brighter(many: Car) -> None:
    """The bonnet, under the open sky, is brighter than the rear on average."""
    cuts = sections(many)
    assert shade(many, top(cuts[1], cuts[2])).mean() > shade(many, cap(cuts[5], -1.0)).mean() + 0.1


def mean_iou(predicted: Array | Masks, truth: Masks) -> float:
    """The mean over classes of the IoU over all pixels, in percent."""
    scores = []
    for label in range(len(CLASSES)):
        ours, theirs = predicted == label, truth == label
        scores.append((ours & theirs).sum() / max((ours | theirs).sum(), 1))
    return 100 * float(np.mean(scores))
