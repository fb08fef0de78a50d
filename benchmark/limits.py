"""Free memory and disk of this machine."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from .peaks import resident

GIB = 2**30
GROUP = Path("/sys/fs/cgroup")
"""Where Linux says what a container may use."""


@dataclass(frozen=True)
class MemoryLimit:
    """The memory that a run may take on its device."""

    device: torch.device
    most: int | None = None
    """Bytes, with what the program holds already; None: nobody knows."""

    @classmethod
    def of(cls, device: torch.device, gib: float | None = None) -> MemoryLimit:
        """So many GiB, or what is free."""
        return cls(device, free_memory(device) if gib is None else int(gib * GIB))

    def left(self) -> int | None:
        """Bytes that are left now."""
        return None if self.most is None else max(0, self.most - allocated_memory(self.device))


def allocated_memory(device: torch.device) -> int:
    """Bytes that this program holds on a device now."""
    return int(torch.cuda.memory_allocated(device)) if device.type == "cuda" else resident()


def free_memory(device: torch.device) -> int | None:
    """Bytes that a run could take on this device if this program ended; None where nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device))
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
        return int(min(available, _left_in_group())) + resident()
    return None


def _left_in_group() -> float:
    """Bytes that the container may still take; without one, as many as there are."""
    with suppress(OSError, ValueError, StopIteration):
        most, used = (int((GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        lines = (GROUP / "memory.stat").read_text().splitlines()
        cached = next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
        return max(0, most - used + cached)
    return float("inf")


def free_disk(path: Path) -> int:
    """Bytes that are free where a path is, or will be."""
    there = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    return shutil.disk_usage(there).free


def same_disk(one: Path, other: Path) -> bool:
    """Whether two paths are, or will be, on the same disk."""
    places = [next(p for p in (path.absolute(), *path.absolute().parents) if p.exists()) for path in (one, other)]
    return places[0].stat().st_dev == places[1].stat().st_dev
