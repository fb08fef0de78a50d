"""Provenance of scores: versions, hardware, threads."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

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


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def hardware(device: torch.device) -> dict[str, Any]:
    """What the run is computed on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {"device": str(device), "name": name, "cores": os.cpu_count(), "threads": torch.get_num_threads()}


def describe(device: torch.device) -> dict[str, Any]:
    """Versions and hardware, as they stand in every result."""
    return {"versions": {p: _version(p) for p in PACKAGES}, "hardware": hardware(device)}
