"""A cell that is taken again comes out the same, or it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from partbench.benchmark.board.from_run import SubmitOptions, submissions_of
from partbench.benchmark.board.layout import BoardError
from partbench.benchmark.board.reproduction import compare_cells, mark, mark_faults, plan_again, smallest_cell
from partbench.benchmark.board.submission import Submission
from partbench.benchmark.results import CellResult


@pytest.fixture
def submission(drawn_run: Callable[..., Path], tmp_path: Path) -> Submission:
    run = drawn_run(tmp_path / "run", {"pixels": 0.5}, heads=("cnn-l", "ridge"))
    return submissions_of(run, SubmitOptions("alice")).found[0]


def moved(result: CellResult, pixels: int) -> CellResult:
    """So many background pixels of the first image become hair."""
    assert result.confusion is not None
    confusion = result.confusion.copy()
    confusion[0, 0, 0] -= pixels
    confusion[0, 0, 6] += pixels
    return replace(result, confusion=confusion)


def test_the_cell_that_is_soonest_done_is_taken(submission: Submission) -> None:
    """A head that is solved, with one shot, in the first draw; the plan has the same protocol."""
    cell = smallest_cell(submission).cell
    assert (cell.head, cell.shots, cell.draw) == ("ridge", 1, 0)
    plan = plan_again(submission, cell)
    assert plan.hash == submission.plan.hash
    assert list(plan.cells()) == [cell]


def test_images_that_are_not_drawn_cannot_be_taken_again(submission: Submission) -> None:
    """Only drawn ones are everywhere."""
    other = replace(submission, plan=replace(submission.plan, dataset="cats"))
    with pytest.raises(BoardError):
        plan_again(other, smallest_cell(other).cell)


def test_a_few_pixels_are_within_the_tolerance(submission: Submission) -> None:
    """The same is the same; a few pixels move the score by less than half a point, many by more."""
    cell = smallest_cell(submission)
    same, few, many = (compare_cells(cell, moved(cell, pixels)) for pixels in (0, 3, 300))
    assert {*same.differences.values()} == {0.0}
    assert same.within(0.0) and few.within(0.5) and not few.within(0.0) and not many.within(0.5)
    assert cell.confusion is not None
    assert few.pixels == round(3 / cell.confusion.sum(), 6)


@pytest.mark.parametrize("fact", ["data", "shots", "weights", "seed"])
def test_what_must_be_the_same_is(submission: Submission, fact: str) -> None:
    """Other images, shots, weights or seeds are no reproduction, whatever the score is."""
    cell = smallest_cell(submission)
    other = replace(cell, provenance={**cell.provenance, fact: "other"})
    assert not compare_cells(cell, other).within(100.0)


def test_a_network_of_another_size_is_no_reproduction(submission: Submission) -> None:
    """Where the earlier cell says how many parameters it had; one that does not is held to the rest."""
    cell = smallest_cell(submission)
    unknown, small, large = (replace(cell, provenance={**cell.provenance, "parameters": n}) for n in (None, 5, 6))
    assert not compare_cells(small, large).within(0)
    assert not compare_cells(small, unknown).within(0)
    assert compare_cells(small, small).within(0) and compare_cells(unknown, large).within(0)


def test_other_masks_are_no_reproduction(submission: Submission) -> None:
    """Though the digests are said to be the same."""
    cell = smallest_cell(submission)
    assert cell.confusion is not None
    assert not compare_cells(cell, replace(cell, confusion=np.roll(cell.confusion, 1, axis=0))).within(100.0)


def test_a_cell_that_fails_is_no_reproduction(submission: Submission) -> None:
    """And says why."""
    cell = smallest_cell(submission)
    found = compare_cells(cell, replace(cell, confusion=None, error="it broke"))
    assert not found.within(100.0)
    assert "it broke" in found.faults[0]


def test_a_mark_is_of_the_counts_that_it_was_made_for(submission: Submission) -> None:
    """It holds for them alone, and for as long as its own numbers say so."""
    cell = smallest_cell(submission)
    record = json.loads(mark(submission, compare_cells(cell, moved(cell, 3)), 0.5, cell))
    assert list(mark_faults(submission, record)) == []
    other = replace(submission, cells=tuple(moved(one, 1) for one in submission.cells))
    assert len(list(mark_faults(other, record))) == 1
    assert len(list(mark_faults(submission, {**record, "tolerance": 0.0}))) == 1
