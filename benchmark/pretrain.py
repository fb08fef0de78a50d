"""The loop around a trainer: feeds images, keeps the time, checkpoints, takes pictures, survives a kill."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..backbones.trainer import Trainer
from .checkpoints import Files, PretrainError, load_checkpoint, save_checkpoint, save_picture, say
from .stream import ImageStream

EVERY = 180.0
"""Seconds between two checkpoints, and between two pictures."""
FINISH_SHARE, FINISH_MOST = 0.15, 600.0
"""Share of the training time, and most seconds, for what follows the last image."""


@dataclass(frozen=True)
class Tick:
    """Where a training stands."""

    images: int
    seconds: float
    """Spent on this and earlier runs."""
    note: str


@dataclass(frozen=True)
class Budget:
    """When a training ends: after so many seconds or so many images, whichever comes first."""

    seconds: float = float("inf")
    images: float = float("inf")

    def left(self, tick: Tick) -> bool:
        """Whether there is time and images for another step."""
        return tick.seconds < self.seconds and tick.images < self.images

    def share(self, tick: Tick) -> float:
        """How much of the budget is spent, in [0, 1]."""
        if not self.left(tick):
            return 1.0
        return max(tick.images / self.images, tick.seconds / self.seconds)

    def remaining(self, tick: Tick, rate: float) -> float:
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


class Pretraining:
    """One training from its first image, or its last checkpoint, to its weights file."""

    def __init__(
        self, trainer: Trainer, stream: ImageStream, files: Files, budget: Budget, keep: tuple[int, ...] = ()
    ) -> None:
        self.trainer, self.stream, self.files, self.budget = trainer, stream, files, budget
        self.keep = sorted(set(keep))
        self.images, self.seconds = 0, 0.0
        self.losses: dict[str, float] = {}

    def resume(self, checkpoint: Path) -> None:
        """Go on from a checkpoint."""
        state = load_checkpoint(checkpoint)
        try:
            self.trainer.load_state_dict(state["trainer"])
        except (RuntimeError, KeyError, ValueError) as error:
            mend = "resume with the backbone and --size that it was started with"
            raise PretrainError(f"{checkpoint} is of another network ({say(error)}); {mend}") from error
        self.images, self.seconds = state["images"], state["seconds"]
        self.keep = [k for k in self.keep if k > self.images]

    def checkpoint(self, path: Path | None = None) -> None:
        state = {"trainer": self.trainer.state_dict(), "images": self.images, "seconds": self.seconds}
        save_checkpoint(path or self.files.checkpoint, state)

    def run(self, report: Callable[[Tick], None], card: dict[str, str]) -> None:
        """Train until the budget is spent, then finish and write the weights.

        Ctrl-C and SIGTERM end the step in progress, leave a checkpoint and raise `KeyboardInterrupt`.
        """
        self.files.out.parent.mkdir(parents=True, exist_ok=True)
        if not self.images:
            self.files.log.unlink(missing_ok=True)
        with stop_between_steps() as stop:
            for tick in self._steps():
                report(tick)
                if stop.is_set():
                    break
            self.checkpoint()
            if stop.is_set():
                raise KeyboardInterrupt
        self._finish(report, card)

    def _finish(self, report: Callable[[Tick], None], card: dict[str, str]) -> None:
        """Learn what remains, then write the weights, all of them or none."""
        budget = min(FINISH_SHARE * self.seconds, FINISH_MOST)
        self.trainer.finish(budget, lambda note: report(Tick(self.images, self.seconds, note)))
        save_picture(self.files.picture, self.trainer.picture())
        spent = {"images seen": str(self.images), "seconds": f"{self.seconds:.0f}"}
        part = self.files.out.with_name(f"{self.files.out.stem}.part{self.files.out.suffix}")
        self.trainer.save(part, card | spent)
        os.replace(part, self.files.out)

    def _steps(self) -> Iterator[Tick]:
        tick, last = Tick(self.images, self.seconds, ""), time.monotonic()
        saved = last
        while self.budget.left(tick):
            losses = self._step()
            now = time.monotonic()
            self.images, self.seconds, last = self.images + self.trainer.batch, self.seconds + now - last, now
            while self.keep and self.images >= self.keep[0]:
                self.checkpoint(self.files.kept(self.keep.pop(0)))
            if now - saved > EVERY:
                self._record()
                saved = time.monotonic()
            tick = Tick(self.images, self.seconds, " ".join(f"{k} {v:.3f}" for k, v in losses.items()))
            yield tick

    def _step(self) -> Mapping[str, float]:
        losses = self.trainer.step(self.stream.at(self.images))
        if not all(math.isfinite(loss) for loss in losses.values()):
            what = f"the losses are {dict(losses)} after {self.images} images"
            raise PretrainError(f"{what}; resume from {self.files.checkpoint}, or start with another --seed")
        self.losses |= losses
        return losses

    def _record(self) -> None:
        """Checkpoint, picture, and a line with the latest of every loss, also of those that not every step has."""
        self.checkpoint()
        save_picture(self.files.picture, self.trainer.picture())
        with self.files.log.open("a") as log:
            log.write(json.dumps({"images": self.images, "seconds": round(self.seconds, 1), **self.losses}) + "\n")
