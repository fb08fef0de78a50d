"""This machine: its memory and devices, how many images fit at once, and what it is called in a result."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PIXELS_AT_ONCE = 2**18
"""Pixels of the images that go through a backbone together, at most 16 images."""


CPU = torch.device("cpu")
WAITING = 2**28
"""Bytes of images that are inverted together on a GPU, as far as its own memory takes them."""


def images_at_once(device: torch.device, size: int) -> int:
    """How many images of side `size` keep a device busy: more only take memory."""
    if device.type == "cuda":
        return max(1, WAITING // (3 * 4 * size * size))
    return max(1, min(16, PIXELS_AT_ONCE // (size * size)))


def slices(indices: Sequence[int], size: int) -> list[list[int]]:
    """`indices` in slices of as many images of side `size` as go through a backbone at once."""
    step = images_at_once(CPU, size)
    return [list(indices[i : i + step]) for i in range(0, len(indices), step)]


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


class PeakMemory:
    """The most memory in bytes that was held between `start` and `read`; None where nobody counts it."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.before = 0

    def start(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self.before = torch.cuda.memory_allocated(self.device)
            return
        _give_back()
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the highest mark
        self.before = resident()

    def read(self) -> int | None:
        """Bytes beyond those that were held at the start."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device) - self.before)
        return max(0, _highest() - self.before) if sys.platform == "linux" else None


def _give_back() -> None:
    """Have freed memory go back to the system: what is taken of it again would not count as more."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # other libraries of C keep what they like
        ctypes.CDLL(None).malloc_trim(0)


def _status(field: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


def resident() -> int:
    """Bytes that this program holds now."""
    return _status("VmRSS:")


def _highest() -> int:
    return _status("VmHWM:")


SHARE = 0.5
"""Of the memory that is left once a backbone is loaded, what maps of shots may take; the rest is for work."""
GIB = 2**30
GROUP = Path("/sys/fs/cgroup")
"""Where Linux says what a container may use."""


@dataclass(frozen=True)
class MemoryLimit:
    """The memory that a run may take on its device."""

    device: torch.device
    most: int | None = None
    """Bytes, with what the program holds already; None: nobody knows."""
    asked: bool = False
    """Whether the user set it."""

    @classmethod
    def of(cls, device: torch.device, gib: float | None = None) -> MemoryLimit:
        """So many GiB, or what is free."""
        return cls(device, free_memory(device) if gib is None else int(gib * GIB), gib is not None)

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


PACKAGES = ("partbench", "torch", "torchvision", "timm", "numpy")


def pick_device(name: str) -> torch.device:
    """`auto` is a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    return torch.device(name)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@lru_cache
def processor(device: torch.device) -> str:
    """What the GPU or the processor is called."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return _cpu() if device.type == "cpu" else f"{_cpu()} ({device.type})"


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def hardware(device: torch.device) -> dict[str, Any]:
    """What the run is computed on."""
    name, threads = processor(device), torch.get_num_threads()
    return {"device": str(device), "name": name, "cores": os.cpu_count(), "threads": threads}


def provenance(device: torch.device) -> dict[str, Any]:
    """Versions and hardware, as they stand in every result."""
    return {"versions": {p: _version(p) for p in PACKAGES}, "hardware": hardware(device)}
