"""Training budget: ends a training after seconds or images, or on a signal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingProgress:
    """Seconds and images of a training so far."""

    images: int
    seconds: float
    """Spent on this and earlier runs."""
    note: str


@dataclass(frozen=True)
class Budget:
    """When a training ends: after so many seconds or so many images, whichever comes first."""

    seconds: float = float("inf")
    images: float = float("inf")

    def left(self, tick: TrainingProgress) -> bool:
        """Whether there is time and images for another step."""
        return tick.seconds < self.seconds and tick.images < self.images

    def share(self, tick: TrainingProgress) -> float:
        """How much of the budget is spent, in [0, 1]."""
        if not self.left(tick):
            return 1.0
        return max(tick.images / self.images, tick.seconds / self.seconds)

    def remaining(self, tick: TrainingProgress, rate: float) -> float:
        """Seconds to go at `rate` images per second."""
        if not self.left(tick):
            return 0.0
        return min(self.seconds - tick.seconds, (self.images - tick.images) / rate)


@contextmanager
def stop_between_steps() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that a step is never cut in half; the second signal interrupts."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # where no handler can be set
        yield asked
        return

    def ask(_number: int, _frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
