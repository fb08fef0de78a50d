"""The schedules by which heads are trained: at which rates, and when a training ends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Settling:
    """When a loss has settled, and how the training ends then; decided by the training loss of one head alone.

    The rate rises, stays, and falls to nothing in the last quarter of the steps, which begins when the loss has
    settled: none of the last windows is lower than the lowest before them by more than the tolerance.
    """

    ceiling: int
    """Steps at most, those of the falling rate among them."""
    tolerance: float = 0.01
    """What is worth further steps, as a share of the loss of a head that ignores the image."""
    window: int = 20
    """Steps that a loss is averaged over, rounded up to whole epochs so that every shot counts alike."""
    patience: int = 2
    """Windows that must bring no more, because a deep head rests on plateaus."""
    rise: int = 10
    """Steps in which the rate rises."""
    fall: float = 0.25
    """Share of all steps in which the rate falls."""

    def width(self, shots: int) -> int:
        """Steps of a window."""
        return math.ceil(self.window / shots) * shots

    def settled(self, losses: Sequence[float], chance: float) -> bool:
        """Whether losses, each of a window, have stopped to fall; `chance` is that of a head that ignores the image."""
        if len(losses) <= self.patience:
            return False
        before, last = losses[: -self.patience], losses[-self.patience :]
        return min(before) - min(last) < self.tolerance * chance

    @property
    def latest(self) -> int:
        """The step at which the rate begins to fall, settled or not."""
        return self.ceiling - math.floor(self.ceiling * self.fall)

    def end(self, start: int) -> int:
        """All steps of a training whose rate falls from `start`."""
        return min(self.ceiling, start + math.ceil(start * self.fall / (1 - self.fall)))


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
    settling: Settling | None = None
    """Ends the training when its loss has settled instead."""
    heads: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is otherwise for some heads, by their names."""
    pixels: int = 4096
    """Pixels per step for heads that look at one pixel at a time; others see whole images."""

    def for_head(self, name: str) -> Schedule:
        return replace(self, **self.heads.get(name, {}), heads={})

    def total(self, shots: int) -> int:
        """Steps of a training on so many shots, at most."""
        return self.steps or (self.settling.ceiling if self.settling else self.epochs * shots)

    def factor(self, step: int, shots: int) -> float:
        """What the rate is multiplied by at `step` of a training of fixed length."""
        return float(self.decay ** (step // shots // self.decay_every))


LINEAR = {"linear": {"rate": 1e-2}}
"""Convex, so it bears larger steps, without which the controls fall short of `paper`."""
SCHEDULES: dict[str, Schedule] = {
    "paper": Schedule(),
    "medium": Schedule(rate=2e-3, settling=Settling(ceiling=600, tolerance=0.005), pixels=512, heads=LINEAR),
    "quick": Schedule(rate=2e-3, settling=Settling(ceiling=400, tolerance=0.01), pixels=512, heads=LINEAR),
}
"""`paper` is section 4.2; the others were chosen on validation images, drawn and real, the same for every backbone."""
