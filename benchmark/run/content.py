"""Reads the digests of a run's images and masks."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...datasets.dataset import FileBacked, KeepsShape, Split
from ..contents import Contents, Digests
from ..files import UNREADABLE, cache_folder, file_hash
from ..machine import slices
from ..sealed_files import read_sealed, write_sealed

FOLDER = "contents"
"""Where digests are remembered, in the cache."""
FRESH = 2.0
"""Seconds in which a file may change again and keep its time, as clocks of disks go: it is not remembered."""


@dataclass(frozen=True)
class ContentReader:
    """Reads digests; those of files that have kept their path, size and time are remembered between runs."""

    what: str
    """The dataset and how it is read: other words remember apart."""
    size: int
    """Side at which masks, and images that lie in no file of their own, are read, pixels."""
    native: bool = False
    """Whether masks are read at their own size and shape."""
    code: str = ""
    """Hash of the code that reads files which none of ours reads: images are then what it makes of them."""

    @property
    def file(self) -> Path:
        key = hashlib.sha256(
            f"{Path.cwd()} {self.what} {self.size}{' native' * self.native}{self.code}".encode()
        ).hexdigest()[:16]
        return cache_folder(FOLDER) / f"{key}.json"

    def read(self, splits: Mapping[str, tuple[Split, Sequence[int]]], report: Callable[[int], None]) -> Contents:
        """Digests of these rows of splits; `report` hears of each few images. Without a mask the second is empty."""
        earlier = self._remembered()
        found: dict[str, dict[str, Digests]] = {}
        known: dict[str, Digests] = {}
        for name, (split, rows) in splits.items():
            labelled, found[name] = name != "unlabelled", {}
            keys = {row: _stamp(split, row) for row in rows}
            missing = [row for row, key in keys.items() if key not in earlier]
            report(len(rows) - len(missing))
            read = {row: earlier[key] for row, key in keys.items() if key in earlier}
            for few in slices(missing, self.size):
                read |= zip(few, self._digests(split, few, labelled), strict=True)
                report(len(few))
            known |= {key: read[row] for row, key in keys.items() if key}
            found[name] = {split.name(row): read[row] for row in rows}
        if known.keys() - earlier.keys():
            self._remember({**earlier, **known})
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

    def _remembered(self) -> dict[str, Digests]:
        try:
            return {
                str(key): (str(one), str(two)) for key, (one, two) in json.loads(read_sealed(self.file, {})).items()
            }
        except UNREADABLE:
            return {}

    def _remember(self, known: Mapping[str, Digests]) -> None:
        try:
            write_sealed(self.file, json.dumps(known).encode(), {})
        except OSError:  # a cache that cannot be written costs time alone
            return


def forget() -> None:
    """Have every file looked at again, though it has kept its path, size and time."""
    shutil.rmtree(cache_folder(FOLDER), ignore_errors=True)


def _stamp(split: Split, row: int) -> str:
    """Changes whenever a file of this image does; empty where there is none, or one that may be written just now."""
    if not isinstance(split, FileBacked):
        return ""
    stats = [(str(file.resolve()), file.stat()) for file in split.files(row)]
    if any(time.time() - stat.st_mtime < FRESH for _, stat in stats):
        return ""
    return json.dumps([split.name(row), *((path, stat.st_size, stat.st_mtime_ns) for path, stat in stats)])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
