"""Counts of a slice are kept until all cells are scored; those that are not what was written are counted again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from partbench.benchmark.plan import Cell
from partbench.benchmark.run.slice_store import SliceStore

COUNTS = np.arange(2 * 3 * 3).reshape(2, 3, 3)
CELL = Cell("plain", "linear", 1, 0)


def store(folder: Path, said: list[str], code: str = "code", data: str = "data") -> SliceStore:
    recorder: Any = SimpleNamespace(
        origin=lambda file: {"data": data, "work": file.name},
        problem=said.append,
        makers=SimpleNamespace(head_code=lambda head: code),
    )
    return SliceStore(recorder, folder, (0, 1))


def test_every_flipped_bit_of_a_slice_is_noticed(tmp_path: Path) -> None:
    """A count of pixels that one would change is counted again, which is said."""
    said: list[str] = []
    kept = store(tmp_path, said)
    assert kept.read(0) == {}
    kept.write(0, {kept.column(CELL): COUNTS})
    assert np.array_equal(kept.read(0)[kept.column(CELL)], COUNTS) and not said
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for place in range(0, 8 * len(whole), 7):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        file.write_bytes(flipped)
        assert kept.read(0) == {}
        assert said.pop().startswith(f"{file} is set aside (it") and not said


def test_a_slice_of_anything_else_is_not_taken(tmp_path: Path) -> None:
    """Of other images, of another place, or by a head of other code."""
    said: list[str] = []
    kept = store(tmp_path, said)
    kept.write(0, {kept.column(CELL): COUNTS})
    assert store(tmp_path, said, code="edited").column(CELL) not in kept.read(0)
    assert store(tmp_path, said, data="other").read(0) == {} and "it is of other data" in said.pop()
    (file,) = tmp_path.iterdir()
    file.rename(file.with_name("slice-00001-draws-0.1.npz"))
    assert kept.read(1) == {} and "it is of other work" in said.pop()
