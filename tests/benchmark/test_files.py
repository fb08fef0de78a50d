"""Files are written whole or not at all, whoever writes them."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from partbench.benchmark.files import (
    LockedError,
    create_atomic,
    is_full,
    locked_file,
    remove_parts,
    replacing,
    write_atomic,
)
from partbench.benchmark.pretrain.checkpoints import save_checkpoint

MUCH = {"much": torch.zeros(10**5)}


def save_tensors(file: Path) -> None:
    with replacing(file) as part:
        save_file(MUCH, part)


@pytest.mark.parametrize(
    "write",
    [
        lambda file: write_atomic(file, b"0" * 10**5),
        lambda file: save_checkpoint(file, MUCH, {}),
        save_tensors,
    ],
    ids=["bytes", "torch", "safetensors"],
)
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, small_disk: Callable[..., Any], write: Callable[[Path], None]
) -> None:
    """The old one is whole, nothing lies beside it, and the error names the file and the reason, whoever hid it."""
    file = tmp_path / "file"
    file.write_bytes(b"old")
    with small_disk(2**16), pytest.raises(OSError, match="File too large") as caught:
        write(file)
    assert (caught.value.errno, caught.value.filename) == (errno.EFBIG, str(file))
    assert is_full(caught.value)
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.fixture(params=["links", "no links"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with hard links, and one without."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refuse)


def test_one_alone_makes_a_file(tmp_path: Path, disk: None) -> None:
    """Of eight who come at the same moment; what is there stays as it is, and nothing lies beside it."""
    texts = [bytes([65 + i]) * 10**5 for i in range(8)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda text: create_atomic(tmp_path / "new" / "file", text), texts))
    assert sum(made) == 1
    assert (tmp_path / "new" / "file").read_bytes() == texts[made.index(True)]
    assert os.listdir(tmp_path / "new") == ["file"]


def test_a_full_disk_makes_no_file(tmp_path: Path, disk: None, small_disk: Callable[..., Any]) -> None:
    """Of which half would be there for ever."""
    with small_disk(2**16), pytest.raises(OSError, match="File too large"):
        create_atomic(tmp_path / "file", b"0" * 10**5)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("error", [FileExistsError(errno.EEXIST, "there"), OSError(errno.EIO, "no answer")])
def test_a_network_disk_whose_answer_is_lost_has_made_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """It fails, or is asked twice and says that the file is there."""
    link = os.link

    def lost(part: Path, path: Path) -> None:
        link(part, path)
        raise error

    monkeypatch.setattr(os, "link", lost)
    assert create_atomic(tmp_path / "file", b"ours")
    monkeypatch.undo()
    assert not create_atomic(tmp_path / "file", b"theirs")
    assert (tmp_path / "file").read_bytes() == b"ours"


def test_a_device_is_written_to() -> None:
    """What is no file is never replaced by one."""
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_atomic(Path("/dev/full"), b"much")
    assert caught.value.filename == "/dev/full"
    assert Path("/dev/full").is_char_device()


def test_an_error_that_is_none_of_the_disk_stays(tmp_path: Path) -> None:
    """What is raised while a file is made is not blamed on it."""
    other = str(tmp_path / "other")

    def read() -> None:
        with replacing(tmp_path / "file"):
            Path(other).read_bytes()

    with pytest.raises(FileNotFoundError) as caught:
        read()
    assert caught.value.filename == other
    assert not is_full(caught.value)


def test_a_file_is_locked_for_one(tmp_path: Path) -> None:
    """Whoever comes second is told so in one sentence, and gets in when the first has ended, however it did."""
    lock = tmp_path / "folder" / "lock"
    sentence, second = pytest.raises(LockedError, match=r"^the second$"), locked_file(lock, "the second")
    with locked_file(lock, "the first"), sentence, second:
        pass
    with locked_file(lock, "the third"):
        pass


def test_half_files_of_killed_programs_are_removed(tmp_path: Path) -> None:
    """Wherever they lie, and nothing that only looks like one."""
    names = ["cells/a.json.123.part", "a.png.9.part.png", "a.part.json", "b.part", "units/c.pt"]
    for name in names:
        write_atomic(tmp_path / name, b"half")
    remove_parts(tmp_path)
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {"a.part.json", "b.part", "units/c.pt"}


def test_what_others_may_be_writing_is_left(tmp_path: Path) -> None:
    """In a shared folder a half file goes when it is old."""
    for name, age in (("young", 60), ("old", 7200)):
        (tmp_path / f"{name}.1.part").touch()
        os.utime(tmp_path / f"{name}.1.part", (0, time.time() - age))
    remove_parts(tmp_path, 3600)
    assert os.listdir(tmp_path) == ["young.1.part"]
