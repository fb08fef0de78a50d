"""A file's hash is that of what it holds; an unchanged file of weights is read once, whoever asks how often."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from partbench.benchmark import file_hashes
from partbench.benchmark.file_hashes import file_hash, weights_hash


def test_it_is_the_sha_256_of_what_a_file_holds(tmp_path: Path) -> None:
    """Its first 16 digits; several files of one backbone are one hash, and two networks have one each."""
    one, two = (tmp_path / name for name in "ab")
    one.write_bytes(b"x" * 3 * 2**20)
    two.write_bytes(b"")
    first, second = (hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in (one, two))
    assert (file_hash(one), file_hash(two)) == (first, second)
    assert (weights_hash(one), weights_hash(one, two)) == (first, f"{first}+{second}")
    assert weights_hash((one, two)) == hashlib.sha256(f"{first} {second}".encode()).hexdigest()[:16]
    assert weights_hash(None, tmp_path / "gone") is None


def test_weights_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until they change: in size, with their time put back, or because another file was put in their place."""
    read: list[Path] = []
    monkeypatch.setattr(file_hashes, "FRESH", 0.0)
    monkeypatch.setattr(file_hashes, "file_hash", lambda file, digits: read.append(file) or file_hash(file, digits))
    file, other = tmp_path / "weights", tmp_path / "other"
    file.write_bytes(b"one")
    written = file.stat().st_mtime_ns
    for step, change in enumerate(
        [
            lambda: None,
            lambda: (time.sleep(0.02), file.write_bytes(b"two"), os.utime(file, ns=(written, written))),
            lambda: (file.write_bytes(b"three"), os.utime(file, (2000, 2000))),
            lambda: (other.write_bytes(b"seven"), os.utime(other, (2000, 2000)), other.replace(file)),
        ]
    ):
        change()
        assert {weights_hash(file) for _ in range(3)} == {hashlib.sha256(file.read_bytes()).hexdigest()[:16]}
        assert len(read) == step + 1


def test_what_is_written_just_now_is_read_again(tmp_path: Path) -> None:
    """A disk may give two writings within a moment the same time: size and time then say nothing."""
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    now, before = file.stat().st_mtime_ns, weights_hash(file)
    file.write_bytes(b"two")
    os.utime(file, ns=(now, now))
    assert weights_hash(file) != before
