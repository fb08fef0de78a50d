"""The loop around a trainer: feeds images, keeps the time, checkpoints, takes pictures, survives a kill."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..backbones.trainer import Trainer
from ..datasets.dataset import Split

CACHE = 4 * 2**30
"""Most bytes of images kept in memory."""
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
        return tick.seconds < self.seconds and tick.images < self.images


class ImageStream:
    """Batches of a split's first `limit` images in seeded random order without end.

    Where they fit into `CACHE` bytes, every image is read once and kept.
    """

    def __init__(
        self, split: Split, size: int, batch: int, seed: int, mirror: bool = False, limit: int | None = None
    ) -> None:
        self.split, self.size, self.batch, self.seed, self.mirror = split, size, batch, seed, mirror
        self.count = min(len(split), limit or len(split))
        kept = self.count if self.count * 3 * size * size <= CACHE else 0
        self.bytes = torch.empty(kept, 3, size, size, dtype=torch.uint8)
        self.known = torch.zeros(kept, dtype=torch.bool)

    def __len__(self) -> int:
        return self.count

    def at(self, position: int) -> Tensor:
        """The batch (batch, 3, size, size) in [0, 1] that stands `position` images into the stream."""
        rows = np.concatenate([self._order(epoch) for epoch in self._epochs(position)])
        start = position % len(self)
        rows = rows[start : start + self.batch]
        images = self._read(torch.from_numpy(rows))
        if not self.mirror:
            return images
        flips = torch.from_numpy(np.random.default_rng([self.seed, 1, position]).random(len(rows)) < 0.5)
        return torch.where(flips[:, None, None, None], images.flip(3), images)

    def _epochs(self, position: int) -> range:
        """The epochs that the batch at `position` touches."""
        return range(position // len(self), (position + self.batch - 1) // len(self) + 1)

    def _order(self, epoch: int) -> np.ndarray:
        return np.random.default_rng([self.seed, epoch]).permutation(len(self))

    def _read(self, rows: Tensor) -> Tensor:
        if not len(self.bytes):
            return self.split.images(rows.tolist(), self.size)
        missing = rows[~self.known[rows]].unique()
        if len(missing):
            fresh = self.split.images(missing.tolist(), self.size)
            self.bytes[missing] = (fresh * 255).round().clamp(0, 255).to(torch.uint8)
            self.known[missing] = True
        return self.bytes[rows].float() / 255


@dataclass(frozen=True)
class Files:
    """The files of one training, beside its weights OUT.safetensors."""

    out: Path

    @property
    def checkpoint(self) -> Path:
        return self.out.with_suffix(".ckpt")

    @property
    def picture(self) -> Path:
        return self.out.with_suffix(".png")

    @property
    def log(self) -> Path:
        return self.out.with_suffix(".jsonl")

    def kept(self, images: int) -> Path:
        return self.out.with_name(f"{self.out.stem}-{images // 1000:05d}k.ckpt")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a kill leaves the old one or the new one, never half of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    torch.save(state, part)
    os.replace(part, path)


def save_picture(path: Path, images: Tensor) -> None:
    """Write images (n, 3, S, S) in [0, 1] as one grid."""
    from torchvision.utils import save_image

    part = path.with_name(path.name + ".part.png")
    save_image(images.float().cpu(), part, nrow=max(1, round(len(images) ** 0.5)), padding=1)
    os.replace(part, path)


class Pretraining:
    """One training from its first image, or its last checkpoint, to its weights file."""

    def __init__(
        self, trainer: Trainer, stream: ImageStream, files: Files, budget: Budget, keep: tuple[int, ...] = ()
    ) -> None:
        self.trainer, self.stream, self.files, self.budget = trainer, stream, files, budget
        self.keep = sorted(keep)
        self.images, self.seconds = 0, 0.0

    def resume(self, checkpoint: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        self.trainer.load_state_dict(state["trainer"])
        self.images, self.seconds = int(state["images"]), float(state["seconds"])
        self.keep = [k for k in self.keep if k > self.images]

    def checkpoint(self, path: Path | None = None) -> None:
        state = {"trainer": self.trainer.state_dict(), "images": self.images, "seconds": self.seconds}
        save_checkpoint(path or self.files.checkpoint, state)

    def run(self, report: Callable[[Tick], None], card: dict[str, str]) -> None:
        """Train until the budget is spent, then finish and write the weights; Ctrl-C leaves a checkpoint."""
        self.files.out.parent.mkdir(parents=True, exist_ok=True)
        try:
            for tick in self._steps():
                report(tick)
        except KeyboardInterrupt:
            self.checkpoint()
            raise
        self.checkpoint()
        budget = min(FINISH_SHARE * self.seconds, FINISH_MOST)
        self.trainer.finish(budget, lambda note: report(Tick(self.images, self.seconds, note)))
        save_picture(self.files.picture, self.trainer.picture())
        spent = {"images seen": str(self.images), "seconds": f"{self.seconds:.0f}"}
        self.trainer.save(self.files.out, card | spent)

    def _steps(self) -> Iterator[Tick]:
        tick, last = Tick(self.images, self.seconds, ""), time.monotonic()
        saved = last
        while self.budget.left(tick):
            losses = self.trainer.step(self.stream.at(self.images))
            now = time.monotonic()
            self.images, self.seconds, last = self.images + self.trainer.batch, self.seconds + now - last, now
            tick = Tick(self.images, self.seconds, " ".join(f"{k} {v:.3f}" for k, v in losses.items()))
            yield tick
            if self.keep and self.images >= self.keep[0]:
                self.checkpoint(self.files.kept(self.keep.pop(0)))
            if now - saved > EVERY:
                self._record(losses)
                saved = time.monotonic()

    def _record(self, losses: Any) -> None:
        self.checkpoint()
        save_picture(self.files.picture, self.trainer.picture())
        with self.files.log.open("a") as log:
            log.write(json.dumps({"images": self.images, "seconds": round(self.seconds, 1), **losses}) + "\n")
