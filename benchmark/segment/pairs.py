"""Pairs to learn from: pictures and what each of their pixels is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..files import UNREADABLE, write_atomic


class Pairs(Protocol):
    """Pictures with their targets, read by index."""

    def __len__(self) -> int: ...

    def read(self, rows: Sequence[int], /) -> tuple[Tensor, Tensor]:
        """Images (n, 3, S, S) in [0, 1]; masks (n, S, S) int64, or logits (n, K, S, S)."""


@dataclass(frozen=True)
class TensorPairs:
    """Pairs that lie in memory."""

    images: Tensor
    """(N, 3, S, S): uint8, or floats in [0, 1]."""
    targets: Tensor
    """Masks (N, S, S) of integers, or logits (N, K, S, S) of floats."""

    def __len__(self) -> int:
        return len(self.images)

    def read(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(rows)
        return as_floats(self.images[chosen]), as_targets(self.targets[chosen])


def as_floats(images: Tensor) -> Tensor:
    """Images in [0, 1], of bytes or of any floats."""
    return images.float() if images.is_floating_point() else images.float() / 255


def as_targets(targets: Tensor) -> Tensor:
    """Masks as int64, logits as float32."""
    return targets.float() if targets.is_floating_point() else targets.long()


LARGEST = 6e4
"""Most that a logit is kept as; float16 goes to 65504."""


@dataclass(frozen=True)
class PairShape:
    """What a store holds."""

    count: int
    size: int
    """Side of images and targets, pixels."""
    classes: int | None
    """Targets are logits of so many classes; None for masks."""

    @property
    def bytes(self) -> int:
        """On disk."""
        return self.count * self.size**2 * (3 + (2 * self.classes if self.classes else 1))


class PairStore:
    """Pairs that are written in order and read in any: images as bytes, logits as float16, masks as bytes.

    A store that was stopped is gone on with: `done` pairs are there.
    """

    def __init__(self, folder: Path, shape: PairShape) -> None:
        self.folder, self.shape = folder, shape
        self.done = self._pairs_written()
        folder.mkdir(parents=True, exist_ok=True)
        side = (shape.size, shape.size)
        layers = () if shape.classes is None else (shape.classes,)
        kind = np.uint8 if shape.classes is None else np.float16
        self.images = self._open("images", np.uint8, (shape.count, 3, *side))
        self.targets = self._open("targets", kind, (shape.count, *layers, *side))

    def __len__(self) -> int:
        return self.shape.count

    def append(self, images: Tensor, targets: Tensor) -> None:
        """Write the next pairs: images (n, 3, S, S) in [0, 1], and logits (n, K, S, S) or masks (n, S, S)."""
        rows = slice(self.done, self.done + len(images))
        self.images[rows] = (images * 255).round().clamp(0, 255).byte().numpy()
        floats = targets.is_floating_point()
        self.targets[rows] = (targets.clamp(-LARGEST, LARGEST).half() if floats else targets.byte()).cpu().numpy()
        self.images.flush()
        self.targets.flush()
        self.done += len(images)
        write_atomic(self._note, json.dumps({"shape": list(self._signature), "done": self.done}).encode())

    def read(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The pairs of these rows, see `Pairs`."""
        chosen = np.asarray(rows)
        images, targets = (torch.from_numpy(part[chosen]) for part in (self.images, self.targets))
        return as_floats(images), as_targets(targets)

    @property
    def _note(self) -> Path:
        return self.folder / "done.json"

    @property
    def _signature(self) -> tuple[int, int, int]:
        return self.shape.count, self.shape.size, self.shape.classes or 0

    def _pairs_written(self) -> int:
        """How many pairs an earlier writing got to; none where it was of another shape."""
        try:
            note = json.loads(self._note.read_text())
            return int(note["done"]) if tuple(note["shape"]) == self._signature else 0
        except UNREADABLE:
            return 0

    def _open(self, name: str, kind: type, shape: tuple[int, ...]) -> np.memmap:
        """The file of this name; a new one where nothing is known of it."""
        file, mode = self.folder / f"{name}.npy", "r+" if self.done else "w+"
        return np.lib.format.open_memmap(file, mode=mode, dtype=None if self.done else kind, shape=shape)
