"""Contamination checks of a run: test images among its shots, its pretraining images and each other.

Images are compared by their names and by their perceptual hashes. What was found goes into the run's folder; the part
that reads images is done once for the same images, the rest whenever a run adds to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...backbones.backbone import Backbone
from ...datasets.dataset import IGNORE, Split
from ..flags import IMAGES, SHOTS, Findings, GuardFlag, GuardResult, read_findings, some, write_findings
from ..pretrain.training_images import PretrainingImages, pretraining_of
from ..results import ResultError
from .left_out_pixels import flag_left_out
from .near_duplicates import DIGITS, HashedImages, Looks, describe, hash_images, look_alikes
from .shot_guards import absent_classes, guard_shots

if TYPE_CHECKING:
    from pathlib import Path

    from .task import SegmentationTask

LOOKED_AT = 500
"""Most unlabelled images that are compared with the test images by their looks; drawn at random, seeded.

By number and not by time, so that every machine finds the same: half a second of drawn ones, 95 of 12-megapixel JPEGs
the first time.
"""
NAMES = 2**17
"""Most unlabelled images whose names are compared."""


def run_guards(run: Path, task: SegmentationTask, backbones: Mapping[str, Backbone]) -> Findings:
    """Run all guards and write their findings into the run; a backbone of an earlier command keeps its flags."""
    earlier = _earlier_findings(run, task)
    if earlier:
        test = HashedImages.of(earlier.hashes, earlier.hashes.values())
        parts = {of: GuardResult(what, earlier.of(of)) for of, what in earlier.checked.items()}
    else:
        test = hash_images(task, task.scored, task.test)
        parts = {IMAGES: guard_images(task, test)}
    parts[SHOTS] = guard_shots(task)
    looks = Looks(task, test)
    parts |= {name: guard_backbone(name, record, looks) for name, record in backbones.items()}
    findings = Findings(
        data=task.data,
        checked={of: part.checked for of, part in parts.items()},
        flags=tuple(flag for part in parts.values() for flag in part.flags),
        hashes=dict(zip(test.names, test.digits, strict=True)),
    )
    write_findings(run, findings)
    return findings


def _earlier_findings(run: Path, task: SegmentationTask) -> Findings | None:
    """Earlier findings on the same images; a damaged file, or one that knows no mirror images, is made anew."""
    try:
        findings = read_findings(run)
    except ResultError:
        return None
    if findings is None or findings.data != task.data:
        return None
    return findings if all(len(digits) == 2 * DIGITS for digits in findings.hashes.values()) else None


def guard_images(task: SegmentationTask, test: HashedImages) -> GuardResult:
    """Test images among the labelled and the unlabelled ones, and twice among themselves; classes that none shows."""
    if task.splits.episodes:
        return GuardResult("the number of episodes, which share pictures", _fewer_episodes(task))
    pool = hash_images(task, task.splits.pool, task.pool)
    unlabelled, named = _unlabelled(task)
    flags = [
        _same_name("shots in test", "stand in the pool of shots as well", test, pool.names),
        _near_duplicates("shots near test", "pool images", test, pool),
        _near_duplicates("duplicates in test", "each other", test, test),
        _same_name("pretraining in test", "stand among the unlabelled ones as well", test, named),
        _near_duplicates("pretraining near test", "unlabelled ones", test, unlabelled),
        _absent_from_test(task),
        *flag_left_out(task),
    ]
    looked = f"{len(test.names)} test against {len(pool.names)} pool"
    if task.splits.unlabelled:
        looked += f" and {len(unlabelled.names)} of {len(task.splits.unlabelled)} unlabelled"
    return GuardResult(f"{looked} images by name and look", tuple(flag for flag in flags if flag))


def _fewer_episodes(task: SegmentationTask) -> tuple[GuardFlag, ...]:
    """A flag where a part of the episodes is scored, which no published number is of."""
    scored, there = len(task.test), len(task.splits.episodes)
    text = f"{scored:,} of {there:,} episodes are scored, and published numbers are of all; add --test {there}"
    return (GuardFlag(IMAGES, "fewer episodes", text),) if scored < there else ()


def _unlabelled(task: SegmentationTask) -> tuple[HashedImages, list[str]]:
    """A sample of the unlabelled images, and the names of all, or of very many."""
    split = task.splits.unlabelled
    if split is None:
        return HashedImages.of((), ()), []
    rows = np.random.default_rng(0).choice(len(split), min(LOOKED_AT, len(split)), replace=False)
    return hash_images(task, split, rows.tolist()), [split.name(i) for i in range(min(NAMES, len(split)))]


def _same_name(name: str, what: str, test: HashedImages, others: tuple[str, ...] | list[str]) -> GuardFlag | None:
    there = set(others)
    both = tuple(one for one in test.names if one in there)
    text = f"{len(both)} of {len(test.names)} test images {what}: {some(both)}"
    return GuardFlag(IMAGES, name, text, both) if both else None


def _near_duplicates(name: str, what: str, test: HashedImages, others: HashedImages) -> GuardFlag | None:
    """A flag for test images that look like others; like other test images if they are the same."""
    pairs = look_alikes(test, others)
    text = f"{len({pair.test for pair in pairs})} of {len(test.names)} test images look like {what}: "
    cases = describe(pairs)
    return GuardFlag(IMAGES, name, text + some(cases), cases) if pairs else None


def _absent_from_test(task: SegmentationTask) -> GuardFlag | None:
    absent = absent_classes(task, {k for i in task.test for k in _classes_of(task.scored, i, task.plan.size)})
    what = "no score says whether they are found, and where they are predicted they count 0 in `mean`"
    text = f"no test image shows {some(absent)}; {what}"
    return GuardFlag(IMAGES, "class missing from test", text, absent) if absent else None


def _classes_of(split: Split, index: int, size: int) -> set[int]:
    """The classes that an image shows."""
    return {*split.masks([index], size).unique().tolist()} - {IGNORE}


def guard_backbone(name: str, backbone: Backbone, looks: Looks) -> GuardResult:
    """Whether its pretraining images are known, and whether a test image is one of them."""
    task, test = looks.task, looks.test
    pretraining: PretrainingImages = pretraining_of(backbone, task.dataset.like or task.plan.dataset)
    if pretraining.unknown:
        return GuardResult(
            "", (GuardFlag(name, "pretraining images unknown", f"{name}: {pretraining.unknown}", pretraining.evidence),)
        )
    if pretraining.hashes is None:
        return GuardResult(pretraining.text)
    learnt = HashedImages(tuple(f"image {i}" for i in range(len(pretraining.hashes))), pretraining.hashes)
    nearest = {(pair.test, pair.other): pair for look in looks.all_fits for pair in reversed(look_alikes(look, learnt))}
    pairs = sorted(nearest.values(), key=lambda pair: pair.distance)
    seen = dict.fromkeys(pair.test for pair in pairs)
    if not seen:
        return GuardResult(pretraining.text)
    what = f"{len(seen)} of {len(test.names)} test images look like images that it learnt from"
    text = f"{name}: {what}: {some(tuple(seen))}"
    return GuardResult(pretraining.text, (GuardFlag(name, "pretraining near test", text, describe(pairs)),))
