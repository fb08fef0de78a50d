"""The schedules by which heads are trained: how many steps, at which rates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """Numbers of the training of a head; the defaults are those of section 4.2."""

    rate: float = 1e-3
    weight_decay: float = 1e-3
    epochs: int = 1000
    """Passes over the shots, one image a step."""
    steps: int | None = None
    """Fixes the number of steps instead, whatever the number of shots."""
    decay: float = 0.9
    decay_every: int = 50
    """Epochs after which the rate is multiplied by `decay`."""
    cosine: bool = False
    """Let the rate rise for a tenth of the steps and fall along a cosine instead."""
    heads: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is otherwise for some heads, by their names."""
    pixels: int = 4096
    """Pixels per step for heads that look at one pixel at a time; others see whole images."""

    def for_head(self, name: str) -> Schedule:
        return replace(self, **self.heads.get(name, {}), heads={})

    def total(self, shots: int) -> int:
        """Steps of a training on so many shots."""
        return self.steps or self.epochs * shots

    def factor(self, step: int, shots: int) -> float:
        """What the rate is multiplied by at `step`."""
        if not self.cosine:
            return float(self.decay ** (step // shots // self.decay_every))
        t = step / self.total(shots)
        return min(1.0, (step + 1) / (0.1 * self.total(shots))) * (0.5 + 0.5 * math.cos(math.pi * t))


LINEAR = {"linear": {"rate": 1e-2, "steps": 100}}
"""Convex and cheap, so it gets more and larger steps, without which the controls fall short of `paper`."""
SCHEDULES: dict[str, Schedule] = {
    "paper": Schedule(),
    "medium": Schedule(rate=2e-3, steps=80, cosine=True, pixels=512, heads=LINEAR),
    "quick": Schedule(rate=2e-3, steps=30, cosine=True, pixels=512, heads=LINEAR),
}
"""`paper` is section 4.2; the others were chosen on validation faces, the same for every backbone.

`quick` crosses ten backbones with six heads in minutes. With `medium` every head of `stylegan2` but the linear one
gains 2 to 7 points at 10 shots (`paper_weighted`), and L at one shot the 4 that it lacks: worth it for few heads.
"""
