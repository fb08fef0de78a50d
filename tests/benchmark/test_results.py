"""Results on disk are whole or not there, and a damaged one is named with its mend."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from partbench.benchmark.files import write_atomic
from partbench.benchmark.plan import Cell, Plan
from partbench.benchmark.results import CellResult, ResultError, RunFolder

CELL = Cell("pixels", "linear", 5, 1)
PLAN = Plan("faces", ("pixels",), ("linear",), shots=(5,), draws=2)
CONFUSION = np.arange(2 * 3 * 3).reshape(2, 3, 3)
RESULT = CellResult(CELL, ("background", "hair", "skin"), ("background",), None, CONFUSION, {"seed": 3})


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run with one cell done of two."""
    folder = RunFolder(tmp_path / "run")
    folder.write_plan(PLAN, {"data": "abc"})
    folder.write(RESULT)
    return folder


def test_what_is_written_is_read(folder: RunFolder) -> None:
    """A score comes back with its confusions and where it is from."""
    result = folder.read(CELL)
    assert result is not None
    assert result.confusion is not None
    assert np.array_equal(result.confusion, CONFUSION)
    assert replace(result, confusion=None) == replace(RESULT, confusion=None)


def test_a_failure_is_read_as_one(folder: RunFolder) -> None:
    """A failed cell has its reason, and no confusions."""
    folder.write(replace(RESULT, confusion=None, error="it broke"))
    result = folder.read(CELL)
    assert result is not None
    assert (result.error, result.confusion) == ("it broke", None)


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


def test_a_write_that_fails_leaves_the_old_file(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half file, and no litter beside it."""
    before, file = sorted(folder.path.rglob("*")), folder.cell_file(CELL)
    text = file.read_text()

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write_atomic(file, b"half")
    assert file.read_text() == text
    assert sorted(folder.path.rglob("*")) == before


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:40])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def overwrite(text: str) -> Callable[[Path], None]:
    return lambda file: file.write_text(text) and None


def without_key(file: Path) -> None:
    record = json.loads(file.read_text())
    del record["classes"]
    file.write_text(json.dumps(record))


def confusions_cut(file: Path) -> None:
    cut(file.with_suffix(".npz"))


def confusions_empty(file: Path) -> None:
    empty(file.with_suffix(".npz"))


def confusions_missing(file: Path) -> None:
    file.with_suffix(".npz").unlink()


def confusions_of_other_classes(file: Path) -> None:
    np.savez(file.with_suffix(".npz"), confusion=np.zeros((2, 7, 7), dtype=np.int64))


def confusions_of_no_image(file: Path) -> None:
    np.savez(file.with_suffix(".npz"), confusion=np.zeros((0, 3, 3), dtype=np.int64))


def confusions_below_zero(file: Path) -> None:
    np.savez(file.with_suffix(".npz"), confusion=np.full((2, 3, 3), -1))


def confusions_like_a_zip(file: Path) -> None:
    file.with_suffix(".npz").write_bytes(b"PK\x03\x04 and so on")


def compressed_in_another_way(file: Path) -> None:
    flip(file.with_suffix(".npz"), b"PK\x01\x02", 10)


def encrypted(file: Path) -> None:
    flip(file.with_suffix(".npz"), b"PK\x01\x02", 8)


def flip(file: Path, mark: bytes, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[data.index(mark) + place] ^= 1
    file.write_bytes(data)


DAMAGES = [
    compressed_in_another_way,
    encrypted,
    overwrite("[" * 100000),
    overwrite('{"a":' * 5000),
    cut,
    empty,
    overwrite("[]"),
    overwrite('"cell"'),
    overwrite("{}"),
    overwrite('{"cell": 3, "classes": [], "excluded": [], "error": "x", "provenance": {}}'),
    overwrite('{"cell": {"slug": 1}, "classes": [], "excluded": [], "error": "x", "provenance": {}}'),
    without_key,
    confusions_cut,
    confusions_empty,
    confusions_missing,
    confusions_of_other_classes,
    confusions_of_no_image,
    confusions_below_zero,
    confusions_like_a_zip,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_result_is_named_with_its_mend(folder: RunFolder, damage: Callable[[Path], None]) -> None:
    """One sentence: which file, what is wrong with it, what to do; the others can still be read."""
    file = folder.cell_file(CELL)
    damage(file)
    with pytest.raises(ResultError) as caught:
        folder.read(CELL)
    text = str(caught.value)
    assert text.startswith(f"{file} is damaged (")
    assert text.endswith("); delete it and run the same command again")
    assert "\n" not in text
    folder.write(replace(RESULT, cell=replace(CELL, draw=0)))
    found, damaged = folder.results()
    assert [result.cell.draw for result in found] == [0]
    assert [str(error) for error in damaged] == [text]


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
