"""The folder of a run: its plan is read as it was, and its cells are those that the plan and the data made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from partbench.benchmark.plan import Cell, Plan
from partbench.benchmark.results import CellResult, ResultError
from partbench.benchmark.run_folder import RunFolder

CELL = Cell("pixels", "linear", 5, 1)
PLAN = Plan("faces", ("pixels",), ("linear",), shots=(5,), draws=2)
CONFUSION = np.arange(2 * 3 * 3).reshape(2, 3, 3)
RESULT = CellResult(CELL, ("background", "hair", "skin"), ("background",), None, CONFUSION, {"shots": "few"})


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run with one cell done of two."""
    folder = RunFolder(tmp_path / "run")
    folder.write_plan(PLAN, {"data": "abc"})
    folder.write(RESULT)
    return folder


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:40])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def overwrite(text: str) -> Callable[[Path], None]:
    return lambda file: file.write_text(text) and None


def test_what_is_written_is_read(folder: RunFolder) -> None:
    """A score comes back with its confusions and where it is from."""
    result = folder.read(CELL)
    assert result is not None
    assert result.confusion is not None
    assert np.array_equal(result.confusion, CONFUSION)
    assert replace(result, confusion=None) == replace(RESULT, confusion=None)


def test_the_plan_is_read_as_it_was(folder: RunFolder) -> None:
    """JSON has no tuples, a plan has."""
    assert folder.read_plan() == PLAN
    assert folder.read_data() == "abc"


def test_what_is_not_computed_is_not_there(folder: RunFolder) -> None:
    """The results are of the cells that are done, in the order of the plan."""
    assert folder.read(replace(CELL, draw=0)) is None
    found, damaged = folder.results()
    assert [result.cell for result in found] == [CELL]
    assert damaged == []


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"images": 4}, "images 2, not 4"),
        ({"excluded": []}, "excluded ['background'], not []"),
        ({"classes": ["background", "hair", "nose"]}, "classes ['background', 'hair', 'skin'], not ['background', 'ha"),
    ],
)
def test_a_cell_of_other_images_or_classes_is_refused(folder: RunFolder, facts: dict[str, Any], what: str) -> None:
    """Wherever it was computed, it is no cell of this run."""
    folder.write_plan(PLAN, {"data": "abc", **facts})
    with pytest.raises(ResultError) as caught:
        folder.read(CELL)
    assert f"{folder.cell_file(CELL)} is of another run ({what}" in str(caught.value)


@pytest.mark.parametrize(("fact", "value"), [("plan", "other"), ("seed", 4), ("data", "xyz")])
def test_a_cell_of_another_run_is_not_taken_for_done(folder: RunFolder, fact: str, value: object) -> None:
    """A run computes it again, rather than mixing two protocols."""
    facts = {"plan": PLAN.hash, "seed": CELL.seed(PLAN.seed), "data": "abc"}
    folder.write(replace(RESULT, provenance=facts))
    assert folder.scored(CELL)
    folder.write(replace(RESULT, provenance={**facts, fact: value}))
    with pytest.raises(ResultError, match=rf"is of another run \({fact} {value}, not "):
        folder.scored(CELL)


def test_a_file_of_another_cell_is_damaged(folder: RunFolder) -> None:
    """A file that was copied by hand does not count for two cells."""
    other = replace(CELL, draw=0)
    folder.cell_file(other).write_bytes(folder.cell_file(CELL).read_bytes())
    folder.cell_file(other).with_suffix(".npz").write_bytes(folder.cell_file(CELL).with_suffix(".npz").read_bytes())
    with pytest.raises(ResultError, match="is of another cell, pixels--linear--5-shot--draw-1; delete it"):
        folder.read(other)


@pytest.mark.parametrize(
    "damage", [cut, empty, overwrite("[]"), overwrite('{"plan": {"colour": 1}}'), overwrite('{"plan": 3}')]
)
def test_a_damaged_plan_is_named_with_its_mend(folder: RunFolder, damage: Callable[[Path], None]) -> None:
    """Deleting the plan keeps the scores: the commands that were run write it again."""
    damage(folder.plan_file)
    with pytest.raises(ResultError) as caught:
        folder.read_plan()
    assert str(caught.value).startswith(f"{folder.plan_file} is damaged (")
    assert str(caught.value).endswith("); delete it and run the same commands again, which keeps the scores")


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    """Any other folder is refused by name."""
    with pytest.raises(ResultError) as caught:
        RunFolder(tmp_path).read_plan()
    assert str(caught.value) == f"{tmp_path} holds no run (no plan.json); name a folder of partbench run"


def test_scores_that_later_ones_left_behind_are_set_aside(folder: RunFolder) -> None:
    """Of other weights or code than the latest of the same backbone or head: counted, and in no mean with those."""
    plan = replace(PLAN, backbones=("pixels", "vae"), heads=("linear", "mine"), shots=(5,), draws=2)
    folder.write_plan(plan, {"data": "abc"})
    for number, cell in enumerate(plan.cells()):
        code = {"backbone": "old" if cell.backbone == "pixels" else "same", "head": "same"}
        facts = {"weights": None, "code": code, "finished": f"2030-01-01T00:00:0{number}Z"}
        folder.write(replace(RESULT, cell=cell, provenance=facts))
    assert [len(part) for part in folder.results()] == [8, 0]
    later = {"weights": None, "code": {"backbone": "new", "head": "same"}, "finished": "2030-01-02T00:00:00Z"}
    folder.write(replace(RESULT, cell=replace(CELL, draw=0), provenance=later))
    found, (aside,) = folder.results()
    assert len(found) == 5
    assert (
        str(aside) == f"{folder.path}: 3 scores are of other code of pixels than the latest; run the same command again"
    )
    later = {"weights": "abcd", "finished": "2030-01-03T00:00:00Z"}
    folder.write(replace(RESULT, cell=Cell("vae", "mine", 5, 1), provenance=later))
    found, (_, aside) = folder.results()
    assert len(found) == 2 and "3 scores are of other weights of vae than the latest" in str(aside)
