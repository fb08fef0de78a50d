"""Times feature extraction on a few images, and the first steps of a long inversion."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from safetensors.torch import save
from torch import Tensor

from ...backbones.backbone import Codes, Inverts, Stepwise
from ..machine import PeakMemory, synchronise
from ..run.codes import CodeStore
from ..run.features import FeatureSource

TOGETHER = (1, 1, 8)
"""Images that are described together: one to warm up, one alone, then several as in a run."""
PATIENCE = 8.0
"""Seconds that the next of these may take, by what the last one took; else the last one has to do."""
FEW = 2
"""Steps of an inversion that tell how long the rest takes, where all of them would ask for more patience."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class FeatureTiming:
    """Seconds per image, and bytes."""

    invert: float
    describe: float
    rebuild: float
    code: int
    """Bytes of a code on disk, 0 where there are none."""
    maps: list[Tensor]
    """Of one image, as the backbone gives them."""
    memory: int = 0
    """At the highest for as many images as go through together."""

    @property
    def seconds(self) -> float:
        return self.invert + self.describe + self.rebuild


def time_features(source: FeatureSource, images: Tensor, together: int) -> FeatureTiming:
    """Time as many of the images as patience allows, one at least."""
    found, first, highest, peak = None, 0, 0, PeakMemory(source.device)
    for wanted in TOGETHER:
        some = images[first : first + wanted]
        if not len(some) or (found and found.seconds * len(some) > PATIENCE):
            break
        peak.start()
        found = _time_describing(source, some)
        highest = max(highest, (peak.read() or 0) * (together // len(some) if first else 1))  # the first warms up
        first += len(some)
    assert found is not None
    return replace(found, memory=highest if first > 1 else highest * together)


def time_call(device: torch.device, work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of some work, and what came of it."""
    synchronise(device)
    start = time.perf_counter()
    result = work()
    synchronise(device)
    return time.perf_counter() - start, result


def _time_describing(source: FeatureSource, images: Tensor) -> FeatureTiming:
    extractor, count = source.extractor, len(images)
    if not isinstance(extractor, Inverts) or source.codes is None:
        seconds, maps = time_call(source.device, lambda: source.raw(images))
        return FeatureTiming(0.0, seconds / count, 0.0, 0, [m[:1] for m in maps])
    invert, codes = _time_inversion(source.codes, images)
    seconds, maps = time_call(source.device, lambda: source.raw(images, codes))
    with torch.no_grad():
        rebuild, _ = time_call(source.device, lambda: extractor.reconstruct(codes))
    code = save({name: code[:1].cpu().contiguous() for name, code in codes.items()})
    return FeatureTiming(invert / count, seconds / count, rebuild / count, len(code), [m[:1] for m in maps])


def _time_inversion(store: CodeStore, images: Tensor) -> tuple[float, Codes]:
    """Seconds of an inversion and its codes, or what they are after a few steps of a long one."""
    extractor = store.extractor
    if isinstance(extractor, Stepwise) and extractor.steps > FEW and store.missing(images):
        first, _ = time_call(store.device, lambda: store.attempt(images, 1))
        if first * extractor.steps > PATIENCE:
            several, codes = time_call(store.device, lambda: store.attempt(images, FEW))
            return first + (extractor.steps - 1) * max(0.0, several - first) / (FEW - 1), codes
    kept, seconds = store.read(images)
    return seconds, kept
