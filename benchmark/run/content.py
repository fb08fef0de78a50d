"""Reads the digests of a run's images and masks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ...datasets.dataset import FileBacked, KeepsShape, Split
from ..contents import Contents, Digests
from ..file_hashes import file_hash
from ..machine import slices
from .file_memory import FileMemory


@dataclass(frozen=True)
class ContentReader:
    """Reads digests; those of files that have not changed are remembered between runs."""

    memory: FileMemory
    size: int
    """Side at which masks, and images that lie in no file of their own, are read, pixels."""
    native: bool = False
    """Whether masks are read at their own size and shape."""
    code: str = ""
    """Hash of the code that reads files which none of ours reads: images are then what it makes of them."""

    def read(self, splits: Mapping[str, tuple[Split, Sequence[int]]], report: Callable[[int], None]) -> Contents:
        """Digests of these rows of splits; `report` hears of each few images. Without a mask the second is empty."""
        found: dict[str, dict[str, Digests]] = {}
        for name, (split, rows) in splits.items():
            look = partial(self._digests, split, labelled=name != "unlabelled")
            digests = self.memory.of(split, slices(rows, self.size), look, report)
            found[name] = {split.name(row): (one, two) for row, (one, two) in zip(rows, digests, strict=True)}
        return found

    def _digests(self, split: Split, rows: Sequence[int], labelled: bool) -> list[Digests]:
        if isinstance(split, FileBacked) and not self.code:
            files = [split.files(row)[0] for row in rows]
            hashes = {file: file_hash(file) for file in dict.fromkeys(files)}  # of a zip, which may hold them all, once
            images = [hashes[file] for file in files]
        else:
            images = [_digest(image.numpy().tobytes()) for image in split.images(rows, self.size)]
        if not labelled:
            return [(image, "") for image in images]
        own = split if self.native and isinstance(split, KeepsShape) else None
        masks = [own.own_mask(row) for row in rows] if own else split.masks(rows, self.size)
        digests = (_digest(mask.byte().numpy().tobytes()) for mask in masks)
        return list(zip(images, digests, strict=True))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
