"""Results on disk are whole or not there, and a damaged one is named with its mend."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from partbench.benchmark.files import UNREADABLE, write_atomic
from partbench.benchmark.plan import Cell, Plan
from partbench.benchmark.results import CellResult, ResultError, arrays_of, as_npz
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


def test_a_failure_is_read_as_one(folder: RunFolder) -> None:
    """A failed cell has its reason, and no confusions."""
    folder.write(replace(RESULT, confusion=None, error="it broke"))
    result = folder.read(CELL)
    assert result is not None
    assert (result.error, result.confusion) == ("it broke", None)


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


def confusions_like_a_zip(file: Path) -> None:
    file.with_suffix(".npz").write_bytes(b"PK\x03\x04 and so on")


def with_counts(confusion: object) -> Callable[[Path], None]:
    """As the program would write such counts."""

    def write(file: Path) -> None:
        RunFolder(file.parents[1]).write(replace(RESULT, confusion=np.asarray(confusion)))

    return write


def zeroed(file: Path) -> None:
    np.savez(file.with_suffix(".npz"), confusion=np.zeros_like(CONFUSION))


def without_excluded(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "excluded": []}))


DAMAGES = [
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
    with_counts(np.zeros((2, 7, 7), dtype=np.int64)),
    with_counts(np.zeros((0, 3, 3), dtype=np.int64)),
    with_counts(np.full((2, 3, 3), -1)),
    zeroed,
    without_excluded,
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


def test_every_flipped_bit_of_counts_is_damage() -> None:
    """Whichever it is, they are read as they were, or what is raised is known, so that each verb names the file."""
    whole = as_npz({"confusion": CONFUSION[:1]})
    for place in range(8 * len(whole)):
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        with suppress(*UNREADABLE):
            arrays_of(bytes(data))


def test_the_counts_of_another_cell_are_damage(folder: RunFolder) -> None:
    """A cell knows its counts: those of another beside it are no score."""
    other = replace(CELL, draw=0)
    folder.write(replace(RESULT, cell=other, confusion=CONFUSION + 1))
    source, target = (folder.cell_file(cell).with_suffix(".npz") for cell in (other, CELL))
    target.write_bytes(source.read_bytes())
    with pytest.raises(ResultError, match="holds other counts than were written with it"):
        folder.read(CELL)


@pytest.mark.parametrize(("protocol", "readable"), [(3, True), (4, False), (None, False)])
def test_cells_from_before_there_was_a_seal_are_read(tmp_path: Path, protocol: int | None, readable: bool) -> None:
    """Those of today cannot lose theirs: without it nobody would see that they were edited."""
    folder, cell = RunFolder(tmp_path), Cell("pixels", "linear", 1, 0)
    confusion = np.arange(8).reshape(2, 2, 2)
    folder.write(CellResult(cell, ("a", "b"), confusion=confusion, provenance={"protocol": protocol}))
    file = folder.cell_file(cell)
    record = json.loads(file.read_text())
    file.write_text(json.dumps({key: value for key, value in record.items() if key not in ("seal", "counts")}))
    if not readable:
        with pytest.raises(ResultError, match="is damaged"):
            folder.read(cell)
        return
    result = folder.read(cell)
    assert result is not None and np.array_equal(result.confusion, confusion)
