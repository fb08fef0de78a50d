"""Shapes without a meaning on the faces: the same places of every head, exact at any size, and not on hair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from partbench.benchmark.cli.commands.check import find
from partbench.benchmark.plan import Plan
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.contract import checks_for
from partbench.benchmark.plugins.names import find_backbone, find_dataset
from partbench.benchmark.run.contamination import guard_backbone
from partbench.benchmark.run.near_duplicates import HashedImages, Looks
from partbench.benchmark.run.task import SegmentationTask
from partbench.datasets.checks import check_classes_seen, check_images, check_masks, check_sizes_agree
from partbench.datasets.dataset import Dataset
from partbench.datasets.drawing.sampling import ParameterSampler
from partbench.datasets.faces import CLASSES, SHAPES, configure
from partbench.datasets.faces.arbitrary import EYE_GAP, LANDMARKS, render, ring, upright
from partbench.datasets.faces.identity import draw_person
from partbench.datasets.faces.render import THROWS
from partbench.datasets.faces.render import render as render_faces

ROWS = list(range(24))


@pytest.mark.parametrize("check", [check_images, check_masks, check_sizes_agree, check_classes_seen])
def test_it_passes_the_checks_of_masks(check: Callable[[Dataset], None]) -> None:
    """Names and pictures are those of `faces`, which pass the others."""
    check(configure("#arbitrary"))


def test_the_images_are_those_of_faces() -> None:
    """Nothing in a picture shows where a shape is."""
    (images, labels), (others, parts) = render(ROWS, 48), render_faces(ROWS, 48)
    assert np.array_equal(images, others) and not np.array_equal(labels, parts)


def test_a_shape_lies_on_the_bare_head_alone() -> None:
    """Hair, ears, clothes and things before the face hide it, and it crosses the borders of parts with a meaning."""
    (_, labels), (_, parts) = render(ROWS, 96), render_faces(ROWS, 96)
    names = {CLASSES[k] for k in np.unique(parts[labels > 0])}
    assert names == {"eyes", "mouth", "nose", "face", "eyebrows"}
    band = {CLASSES[k] for k in np.unique(parts[labels == SHAPES.index("band")])}
    assert {"mouth", "face"} <= band


def test_the_ring_goes_around_one_eye_of_each() -> None:
    """Its hole holds eye, whoever it is and wherever the head turns."""
    (_, labels), (_, parts) = render(ROWS, 128), render_faces(ROWS, 128)
    for shapes, eyes in zip(labels == SHAPES.index("ring"), parts == CLASSES.index("eyes"), strict=True):
        down, across = np.argwhere(shapes).mean(0).round().astype(int)
        if shapes.sum() > 150 and eyes.any():
            assert np.abs(np.argwhere(eyes) - (down, across)).max(1).min() < 12


def test_landmarks_lie_where_they_lie_on_every_face() -> None:
    """Eyes, nose, mouth and chin of each person have one height, and the middle of an eye one distance."""
    features = draw_person(ParameterSampler(ROWS, THROWS)).features
    one = np.ones_like(features.eye_y)
    for own, common in zip((features.eye_y, features.eye_y + features.nose_length, features.mouth_y, one),
                           LANDMARKS[1:], strict=True):  # fmt: skip
        across, down = upright(features, features.eye_gap, own)
        assert np.allclose(down, common, atol=1e-5) and np.allclose(across, EYE_GAP, atol=1e-6)
    wider = replace(features, eye_gap=2 * features.eye_gap)
    assert np.allclose(ring(*upright(wider, 2 * one, one * 0)), ring(*upright(features, one, one * 0)))


def test_a_copied_mask_does_not_find_them() -> None:
    """One face's shapes lie elsewhere on the next: the location prior alone reaches little."""
    masks = configure("#arbitrary").load().pool.masks(range(40), 64)
    ious = []
    for one, other in pairwise(masks):
        for k in range(1, len(SHAPES)):
            union = ((one == k) | (other == k)).sum()
            ious.append((((one == k) & (other == k)).sum() / union.clamp(min=1)).item())
    assert 0 < np.mean(ious) < 0.2


def test_its_images_are_known_to_be_those_of_faces() -> None:
    """A backbone that has learnt from unlabelled faces has learnt from none of its test images, as the guard knows."""
    catalogue = load_catalogue()
    record = find_dataset(catalogue, "faces#arbitrary").record
    plan = Plan("faces#arbitrary", ("jigsaw",), ("linear",), shots=(1,), draws=1, test=1, size=16)
    backbone = find_backbone(catalogue, "jigsaw").record
    nothing = HashedImages((), np.empty(0, np.uint64))
    looks = Looks(SegmentationTask.open(record, plan), nothing)
    assert not guard_backbone("jigsaw", backbone, looks).flags
    assert record.excluded == {"background"} and torch.is_tensor(record.load().test.masks([0], 16))


def test_checking_finds_it_by_its_name() -> None:
    """`partbench check 'faces#arbitrary'` holds it to the contract of datasets."""
    record = find(load_catalogue(), "faces#arbitrary").record
    assert record.classes == SHAPES and check_masks in checks_for(record).values()
