"""Scores the controls that are no backbone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import one_hot

from ..metrics.confusion import Confusion
from ..plan import COPY, SUPERVISED, Cell
from .recorder import RunRecorder
from .segmenter_cells import UNITS, ProgressMeter, SegmenterCells, SupervisedCells
from .target_masks import Truth
from .task import mode_of


def score_copy(recorder: RunRecorder, cells: Sequence[Cell]) -> None:
    """The control that predicts the training mask, whatever the image."""
    task, classes = recorder.task, len(recorder.task.dataset.classes)
    recorder.reporter.start(COPY, len(cells))
    parts: dict[Cell, list[Confusion]] = {cell: [] for cell in cells}
    guesses = {cell: mode_of(task.shot_masks(cell.draw, cell.shots), classes) for cell in cells}
    for rows in task.test_slices(task.plan.size):
        truth = Truth(task, rows)
        for cell, guess in guesses.items():
            logits = one_hot(guess, classes).movedim(-1, 0).float()
            parts[cell].append(truth.confuse(logits.expand(len(rows), -1, -1, -1)))
    for cell, confusions in parts.items():
        recorder.scored(cell, np.concatenate(confusions), {"provider": "partbench"})
        recorder.reporter.unit(COPY, cell.slug)


def score_supervised(recorder: RunRecorder, cells: Sequence[Cell], device: torch.device, work: Path) -> None:
    """The control that learns from labels alone."""
    reporter, task = recorder.reporter, recorder.task
    reporter.start(SUPERVISED, UNITS * len(cells))
    supervised = SupervisedCells(task, SegmenterCells(recorder, device, work, task.plan.size))
    for cell in cells:
        supervised.run(cell, ProgressMeter(UNITS, lambda what: reporter.unit(SUPERVISED, what)))
