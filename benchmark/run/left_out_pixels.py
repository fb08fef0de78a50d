"""Counts labelled pixels that a fit leaves out of the squares that are read, and images that have none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...datasets.dataset import CROP, IGNORE, PAD, KeepsShape, Split
from ...datasets.files.fit import window
from ...datasets.files.masks import square_labels
from ..flags import IMAGES, GuardFlag, some

if TYPE_CHECKING:
    from .task import SegmentationTask

TOLD = 12
"""Most classes that a line tells of."""


def flag_left_out(task: SegmentationTask) -> Iterator[GuardFlag]:
    """Flags where the squares lack labelled pixels of pool and test images, by class, or all those of an image."""
    classes = task.dataset.classes
    left, all_pixels = np.zeros(len(classes), dtype=np.int64), np.zeros(len(classes), dtype=np.int64)
    empty: list[str] = []
    blank: list[str] = []
    for name, mask in _own_masks(task):
        pixels, seen = _counts(mask, len(classes)), _counts(_seen(mask, task.dataset.fit), len(classes))
        all_pixels += pixels
        left += pixels - seen
        if not pixels.any():
            blank.append(name)
        elif (square_labels(mask, task.plan.size, task.dataset.fit) == IGNORE).all():
            empty.append(name)
    if left.any():
        yield _flag_classes(task, left, all_pixels)
    if empty:
        text = f"--fit {task.dataset.fit} and --size {task.plan.size} leave no labelled pixel of {some(empty)}"
        yield GuardFlag(IMAGES, "image left out", text, tuple(empty))
    if blank:
        what = "as a shot it teaches nothing, as a test image it counts nothing"
        text = f"{some(blank)}: no pixel has a label; {what}"
        yield GuardFlag(IMAGES, "image without labels", text, tuple(blank))


def _flag_classes(task: SegmentationTask, left: NDArray[np.int64], pixels: NDArray[np.int64]) -> GuardFlag:
    order = sorted(np.flatnonzero(left), key=lambda k: -left[k] / pixels[k])
    names, shares = task.dataset.classes, 100 * left / np.maximum(pixels, 1)
    told = some([f"{names[k]} {shares[k]:.2g} %" if shares[k] < 99.5 else f"{names[k]} 100 %" for k in order], TOLD)
    mend = f"; --fit {PAD} takes all of them" if task.dataset.fit == CROP and task.dataset.refit else ""
    evidence = tuple(f"{names[k]}: {left[k]} of {pixels[k]} labelled pixels" for k in order)
    what = f"left out by --fit {task.dataset.fit}"
    count = f"{len(task.pool)} pool and {len(task.test)} test images"
    return GuardFlag(IMAGES, what, f"{told} of their pixels in {count}{mend}", evidence)


def _own_masks(task: SegmentationTask) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Name and whole mask (h, w) of every pool and test image that keeps one."""
    splits: tuple[tuple[Split, range], ...] = (task.splits.pool, task.pool), (task.scored, task.test)
    for split, rows in splits:
        if isinstance(split, KeepsShape):
            yield from ((split.name(row), split.own_mask(row).numpy()) for row in rows)


def _seen(mask: NDArray[np.uint8], fit: str) -> NDArray[np.uint8]:
    view = window(mask.shape[1], mask.shape[0], fit)
    return mask[view.rows.seen.start : view.rows.seen.stop, view.columns.seen.start : view.columns.seen.stop]


def _counts(mask: NDArray[np.uint8], classes: int) -> NDArray[np.int64]:
    """Pixels of every class."""
    return np.bincount(mask.ravel(), minlength=IGNORE + 1)[:classes]
