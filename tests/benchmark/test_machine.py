"""Memory and disk of this machine: what there is, what is free, what a run may take."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch

from partbench.benchmark import machine
from partbench.benchmark.machine import MemoryLimit, PeakMemory

CPU = torch.device("cpu")


def test_room_is_what_is_asked_for_or_free() -> None:
    """Less what the program holds; nobody's guess where nothing is known."""
    asked, free = MemoryLimit.of(CPU, 1000), MemoryLimit.of(CPU)
    assert asked.most == 1000 * 2**30
    assert 0 < asked.left() < asked.most  # type: ignore[operator]
    assert free.most is None or free.left() is not None
    assert MemoryLimit.of(CPU, 0).left() == 0
    assert MemoryLimit(CPU).left() is None


def test_a_container_has_less_than_its_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its limit counts, less what it holds and cannot give back; a disk is looked up where the folder will be."""
    for name, text in (("memory.max", "1000"), ("memory.current", "900"), ("memory.stat", "anon 5\ninactive_file 50")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(machine, "GROUP", tmp_path)
    monkeypatch.setattr(machine, "resident", lambda: 7)
    if Path("/proc/meminfo").exists():
        assert machine.free_memory(torch.device("cpu")) == 157
    assert machine.free_disk(tmp_path / "not" / "there") > 0
    assert machine.same_disk(tmp_path / "a", tmp_path / "b" / "c")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no other library of C is asked for what it keeps")
def test_memory_that_was_taken_before_counts_again() -> None:
    """What the second of two calls holds at the highest is not what the first has left it."""
    peak, seen = PeakMemory(CPU), list[int]()
    for _ in range(2):
        peak.start()
        held = [torch.ones(2**17) for _ in range(64)]  # 32 MiB, in pieces that stay with the program when freed
        seen.append(peak.read() or 0)
        del held
    assert min(seen) > 30 * 2**20
