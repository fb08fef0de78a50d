"""MATLAB files: what is read is what scipy reads, and no file becomes more than a limit."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix

from partbench import UserError
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
def test_a_variable_is_read_as_scipy_reads_it(tmp_path: Path, packed: bool, version: Any) -> None:
    """Packed or not, of either version, of every class."""
    variables: dict[str, Any] = {"a": np.arange(12.0).reshape(3, 4), "text": np.array(["text"]), "z": np.eye(3) * 1j}
    if version == "5":
        cells = np.array([[np.zeros((2, 3), bool), "x", np.empty((0, 0))]], dtype=object)
        structs = np.array([[(cells, "x"), (2, np.int8([[3]]))]], [("name", "O"), ("t", "O")])
        variables |= {"cells": cells, "structs": structs, "long_name_of_nothing": np.empty((0, 0))}
        variables["sparse"] = csc_matrix(([1.0, 2j], ([5, 7], [1, 10**5])), shape=(10**5, 10**6))
    savemat(tmp_path / "a.mat", variables, format=version, do_compression=packed and version == "5")
    for name in variables:
        assert repr(read_matlab(tmp_path / "a.mat", name)) == repr(loadmat(tmp_path / "a.mat")[name])
    with pytest.raises(KeyError):
        read_matlab(tmp_path / "a.mat", "b")


def test_the_other_order_of_bytes_is_read(tmp_path: Path) -> None:
    """Files of machines that write the high byte first are packed as well."""
    flags, dims = struct.pack(">IIII", 6, 8, 9, 0), struct.pack(">IIII", 5, 8, 1, 3)
    body = flags + dims + struct.pack(">II", 1 | 1 << 16, ord("a") << 24) + struct.pack(">II3B5x", 2, 3, 4, 5, 6)
    packed = zlib.compress(struct.pack(">II", 14, len(body)) + body)
    element = struct.pack(">II", 15, len(packed)) + packed
    (tmp_path / "a.mat").write_bytes(HEADER + b"\x01\x00MI" + element)
    assert read_matlab(tmp_path / "a.mat", "a").tolist() == [[4, 5, 6]]


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
    with pytest.raises(DatasetError, match=r"b.mat cannot .*\(it has an element of the kind 15 where a matrix, 14"):
        read_objects(tmp_path / "b.mat")


def test_a_stream_that_is_cut_short_is_said(tmp_path: Path) -> None:
    """It ends before what it says that it holds."""
    path = bomb(tmp_path / "b.mat", "anno")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=r"b.mat cannot be read as .* \(it is cut short\); unpack it again"):
        read_objects(path)


NOTHING = np.zeros((3, 7), np.uint8)
CELLS = np.empty((3, 7), dtype=object)
CELLS[:] = 1.0
STRUCTS = np.zeros((3, 7), [("a", "O"), ("b", "O")])
ANNOUNCED = {"cells": CELLS, "structs": STRUCTS, "numbers": NOTHING, "in a struct": {"objects": CELLS}}


@pytest.mark.parametrize("sides", [(2**15, 2**16 - 1), (2**31 - 1, 2**31 - 1)])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", ANNOUNCED)
def test_a_header_that_announces_too_much_is_refused(
    tmp_path: Path, kind: str, packed: bool, sides: tuple[int, int]
) -> None:
    """Before scipy makes an array of 16 GB for it, however deep it lies."""
    savemat(tmp_path / "b.mat", {"anno": ANNOUNCED[kind]})
    data, old = (tmp_path / "b.mat").read_bytes(), struct.pack("<ii", 3, 7)
    assert data.count(old) == 1
    element = data[128:].replace(old, struct.pack("<ii", *sides))
    pressed = zlib.compress(element)
    whole = data[:128] + (struct.pack("<II", 15, len(pressed)) + pressed if packed else element)
    (tmp_path / "b.mat").write_bytes(whole)
    with pytest.raises(
        DatasetError, match=rf"\(it announces {math.prod(sides):,} elements where [\d,]+ bytes are left\)"
    ):
        read_objects(tmp_path / "b.mat")


def test_matrices_that_are_nested_without_end_are_refused(tmp_path: Path) -> None:
    """A hundred are read; scipy would crash of a million."""
    content: Any = np.zeros((1, 1))
    for _ in range(100):
        content, inner = np.empty((1, 1), dtype=object), content
        content[0, 0] = inner
    savemat(tmp_path / "b.mat", {"anno": content})
    element = (tmp_path / "b.mat").read_bytes()
    assert read_matlab(tmp_path / "b.mat", "anno")[0, 0].shape == (1, 1)
    level = struct.pack("<IIIIIIII", 6, 8, 1, 0, 5, 8, 1, 1) + struct.pack("<II", 1, 0)
    deep = b"".join(struct.pack("<II", 14, 2**20) + level for _ in range(5000))
    named = level[:-8] + struct.pack("<II", 1, 4) + b"anno" + bytes(4)
    body = named + deep
    (tmp_path / "b.mat").write_bytes(element[:128] + struct.pack("<II", 14, len(body)) + body)
    with pytest.raises(DatasetError, match=r"b.mat cannot be read .*\(it nests matrices more than 100 deep\)"):
        read_objects(tmp_path / "b.mat")


def test_what_is_not_asked_for_does_not_matter(tmp_path: Path) -> None:
    """MATLAB keeps function handles in a variable of its own beside others."""
    savemat(tmp_path / "a.mat", {"anno": NOTHING})
    data = (tmp_path / "a.mat").read_bytes()
    handle = struct.pack("<IIIIIIII", 6, 8, 17, 0, 5, 8, 1, 1) + struct.pack("<II", 1 | 1 << 16, ord("f"))
    (tmp_path / "a.mat").write_bytes(data[:128] + struct.pack("<II", 14, len(handle)) + handle + data[128:])
    assert (read_matlab(tmp_path / "a.mat", "anno") == NOTHING).all()
    with pytest.raises(UserError, match="it holds a function or an object of a class, which are not read"):
        read_matlab(tmp_path / "a.mat", "f")
