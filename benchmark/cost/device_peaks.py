"""Peak arithmetic and memory bandwidth of a device, measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..machine import synchronise

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
    """Multiply and copy for a second.

    A matrix product may round as convolutions do, in TF32 on a GPU: networks are held against what they may reach.
    """
    side, size = (table.get(device.type, table["cpu"]) for table in (MATRIX, COPIED))
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(a)
    source = torch.zeros(size // 4, device=device)
    target = torch.empty_like(source)
    allowed, torch.backends.cuda.matmul.allow_tf32 = (
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.allow_tf32,
    )
    try:
        multiplied = fastest(lambda: torch.mm(a, b, out=out), device)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = allowed
    copied = fastest(lambda: target.copy_(source), device)
    return DevicePeaks(2 * side**3 / multiplied, 2 * size / copied)
