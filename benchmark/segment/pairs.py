"""Pairs to learn from: pictures and what each of their pixels is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from ..files import UNREADABLE
from ..sealed_files import DamagedError, Origin, read_sealed, set_aside, write_sealed


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

    def __init__(self, folder: Path, shape: PairShape, tell: Callable[[str], None] = print) -> None:
        self.folder, self.shape = folder, shape
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.done = self._pairs_written()
            self._open()
            self._check()
        except UNREADABLE as error:
            if self._note.exists():
                tell(set_aside(folder, error))
            self.done = 0
            self._open()

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
        for name, digest in self._digests.items():
            digest.update(getattr(self, name)[rows].tobytes())
        digests = {name: digest.hexdigest() for name, digest in self._digests.items()}
        write_sealed(self._note, json.dumps({"done": self.done, **digests}).encode(), self._origin)

    def read(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The pairs of these rows, see `Pairs`."""
        chosen = np.asarray(rows)
        images, targets = (torch.from_numpy(part[chosen]) for part in (self.images, self.targets))
        return as_floats(images), as_targets(targets)

    @property
    def _note(self) -> Path:
        return self.folder / "done.json"

    @property
    def _origin(self) -> Origin:
        return {"work": self.folder.name, "shape": str(self.shape)}

    def _read_note(self) -> dict[str, Any]:
        note: dict[str, Any] = json.loads(read_sealed(self._note, self._origin))
        return note

    def _pairs_written(self) -> int:
        """How many pairs an earlier writing got to."""
        return int(self._read_note()["done"])

    def _open(self) -> None:
        """The files; new ones where nothing is known of them."""
        shape = self.shape
        mode: Literal["r+", "w+"] = "r+" if self.done else "w+"
        side, layers = (shape.size, shape.size), () if shape.classes is None else (shape.classes,)
        kinds = {"images": "uint8", "targets": "uint8" if shape.classes is None else "float16"}
        shapes = {"images": (shape.count, 3, *side), "targets": (shape.count, *layers, *side)}
        self.images, self.targets = (
            np.memmap(self.folder / f"{name}.bin", kinds[name], mode, shape=shapes[name]) for name in kinds
        )
        self._digests = {name: hashlib.sha256() for name in kinds}

    def _check(self) -> None:
        """Refuse pairs that are not those that were written."""
        note = self._read_note()
        for name, digest in self._digests.items():
            for row in range(self.done):
                digest.update(getattr(self, name)[row].tobytes())
            if digest.hexdigest() != note[name]:
                raise DamagedError(f"its {name} are not those that were written")
