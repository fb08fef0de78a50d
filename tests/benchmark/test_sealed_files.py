"""A sealed file is what was written of the same, to the bit, or it is said that it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from partbench.benchmark.sealed_files import DamagedError, read_sealed, write_sealed


def test_every_change_of_a_sealed_file_is_noticed(tmp_path: Path) -> None:
    """Be it one bit of it, its length, or what it is said to be of; whole, it holds what was written."""
    file, data = tmp_path / "file", bytes(range(64))
    write_sealed(file, data, {"data": "this"})
    whole = file.read_bytes()
    assert read_sealed(file, {"data": "this"}) == data
    with pytest.raises(DamagedError, match="it is of other data"):
        read_sealed(file, {"data": "that"})
    for place in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        file.write_bytes(flipped)
        with pytest.raises(DamagedError, match=r"its seal does not fit|it has no seal"):
            read_sealed(file, {"data": "this"})
    for other in (b"", whole[:-1], whole + b"\0", data):
        file.write_bytes(other)
        with pytest.raises(DamagedError):
            read_sealed(file, {"data": "this"})
