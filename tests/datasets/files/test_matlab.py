"""MATLAB files: what is read is what scipy reads, and no file becomes more than a limit."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from partbench.datasets.bsds.split import read_drawings
from partbench.datasets.dataset import DatasetError
from partbench.datasets.files import unpacking
from partbench.datasets.files.matlab import read_matlab
from partbench.datasets.pascal_part.annotations import read_objects

HEADER = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most is 1 MiB."""
    monkeypatch.setattr(unpacking, "MOST_BYTES", 2**20)


def bomb(path: Path, *variables: str, size: int = 2**21) -> Path:
    """A file whose variables are packed zeros."""
    savemat(path, {name: np.zeros(size, np.uint8) for name in variables}, do_compression=True)
    return path


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("version", ["4", "5"])
def test_a_file_is_read_as_scipy_reads_it(tmp_path: Path, packed: bool, version: Any) -> None:
    """Packed or not, of either version, all its variables."""
    variables = {"a": np.arange(12.0).reshape(3, 4), "long_name_of_b": np.array(["text"])}
    if version == "5":
        variables |= {"s": np.array([[(1, "x")]], [("n", "O"), ("t", "O")])}
    savemat(tmp_path / "a.mat", variables, format=version, do_compression=packed and version == "5")
    found, expected = read_matlab(tmp_path / "a.mat"), loadmat(tmp_path / "a.mat")
    assert repr(found) == repr(expected) and {*variables} <= {*found}


def test_the_other_order_of_bytes_is_read(tmp_path: Path) -> None:
    """Files of machines that write the high byte first are packed as well."""
    flags, dims = struct.pack(">IIII", 6, 8, 9, 0), struct.pack(">IIII", 5, 8, 1, 3)
    body = flags + dims + struct.pack(">II", 1 | 1 << 16, ord("a") << 24) + struct.pack(">II3B5x", 2, 3, 4, 5, 6)
    packed = zlib.compress(struct.pack(">II", 14, len(body)) + body)
    element = struct.pack(">II", 15, len(packed)) + packed
    (tmp_path / "a.mat").write_bytes(HEADER + b"\x01\x00MI" + element)
    assert read_matlab(tmp_path / "a.mat")["a"].tolist() == [[4, 5, 6]]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("variables", [("anno",), ("other",), ("groundTruth", "b", "c")])
def test_a_bomb_is_not_unpacked(tmp_path: Path, variables: tuple[str, ...]) -> None:
    """One sentence names the file, whatever is packed there and whoever reads it; together counts, too."""
    path = bomb(tmp_path / "b.mat", *variables, size=2**21 // len(variables))
    assert path.stat().st_size < 2**13
    for read in (read_objects, read_drawings):
        with pytest.raises(
            DatasetError, match=r"b.mat cannot be .* \(it would become more than 1 MiB, .* the most\)"
        ) as e:
            read(path)
        assert "\n" not in str(e.value)


@pytest.mark.usefixtures("small")
def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    """What is not packed counts by the size of the file."""
    savemat(tmp_path / "b.mat", {"anno": np.zeros(2**21, np.uint8)})
    with pytest.raises(DatasetError, match=r"b.mat cannot be read .*\(it would become 2 MiB, and 1 are the most\)"):
        read_objects(tmp_path / "b.mat")


@pytest.mark.usefixtures("small")
def test_what_is_packed_twice_is_refused(tmp_path: Path) -> None:
    """Else the inner one would be unpacked without a limit."""
    element = bomb(tmp_path / "b.mat", "anno").read_bytes()[128:]
    packed = zlib.compress(element)
    (tmp_path / "b.mat").write_bytes(HEADER + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed)
    with pytest.raises(
        DatasetError, match=r"b.mat cannot .*\(it has a packed element of the kind 15 where a matrix, 14"
    ):
        read_objects(tmp_path / "b.mat")


def test_a_stream_that_is_cut_short_is_said(tmp_path: Path) -> None:
    """It ends before what it says that it holds."""
    path = bomb(tmp_path / "b.mat", "anno")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=r"b.mat cannot be read as .* \(it is cut short\); unpack it again"):
        read_objects(path)
