"""Peak arithmetic and memory bandwidth of a device, measured."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

SECONDS = 0.5
"""Spent on each peak."""
MATRIX = {"cpu": 1024, "cuda": 8192}
"""Side of the matrices that are multiplied; larger ones are not faster."""
COPIED = {"cpu": 2**26, "cuda": 2**29}
"""Bytes that are copied: more than a cache holds."""


@dataclass(frozen=True)
class DevicePeaks:
    """The measured peaks of one device in one number format."""

    flops: float
    """Floating-point operations per second of a matrix product."""
    bytes: float
    """Bytes per second that a copy reads and writes."""


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def fastest(work: Callable[[], object], device: torch.device, seconds: float = SECONDS) -> float:
    """Seconds of the fastest of many calls."""
    work()
    synchronise(device)
    best, end = float("inf"), time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        work()
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return best


def measure_peaks(device: torch.device, dtype: torch.dtype = torch.float32) -> DevicePeaks:
    """Multiply and copy for a second."""
    side, size = (table.get(device.type, table["cpu"]) for table in (MATRIX, COPIED))
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    source = torch.zeros(size // 4, device=device)
    target = torch.empty_like(source)
    multiplied = fastest(lambda: torch.mm(a, b, out=out), device)
    copied = fastest(lambda: target.copy_(source), device)
    return DevicePeaks(2 * side**3 / multiplied, 2 * size / copied)


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
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the highest mark
        self.before = resident()

    def read(self) -> int | None:
        """Bytes beyond those that were held at the start."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device) - self.before)
        return max(0, _highest() - self.before) if sys.platform == "linux" else None


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
