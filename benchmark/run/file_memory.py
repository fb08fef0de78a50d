"""Remembers between runs what images came to, as long as their files do not change."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...datasets.dataset import FileBacked, Split
from ..file_hashes import stamp_of
from ..files import UNREADABLE, cache_folder
from ..sealed_files import read_sealed, write_sealed

FOLDER = "contents"
"""Where it is remembered, in the cache."""

Found = tuple[str, ...]
"""What an image came to."""


@dataclass(frozen=True)
class FileMemory:
    """What images of one dataset came to when they were looked at in one way."""

    words: str
    """The dataset, how it is read and what is looked for: other words remember apart."""

    @property
    def file(self) -> Path:
        key = hashlib.sha256(f"{Path.cwd()} {self.words}".encode()).hexdigest()[:16]
        return cache_folder(FOLDER) / f"{key}.json"

    def of(
        self,
        split: Split,
        slices: Sequence[Sequence[int]],
        look: Callable[[list[int]], Iterable[Found]],
        report: Callable[[int], None] = lambda count: None,
    ) -> list[Found]:
        """What the images in slices of rows came to; those not remembered are looked at, at most a slice together.

        `report` hears how many are known, and then of each few.
        """
        earlier = self._read()
        stamps = {row: _stamp(split, row) for rows in slices for row in rows}
        found = {row: earlier[stamp] for row, stamp in stamps.items() if stamp in earlier}
        report(len(found))
        for rows in slices:
            if few := [row for row in rows if row not in found]:
                found |= zip(few, look(few), strict=True)
                report(len(few))
        known = {stamp: found[row] for row, stamp in stamps.items() if stamp}
        if known.keys() - earlier.keys():
            self._write({**earlier, **known})
        return [found[row] for row in stamps]

    def _read(self) -> dict[str, Found]:
        try:
            return {str(key): tuple(map(str, found)) for key, found in json.loads(read_sealed(self.file, {})).items()}
        except UNREADABLE:
            return {}

    def _write(self, known: Mapping[str, Found]) -> None:
        try:
            write_sealed(self.file, json.dumps(known).encode(), {})
        except OSError:  # a cache that cannot be written costs time alone
            return


def forget() -> None:
    """Have every file looked at again, though nothing says that it has changed."""
    shutil.rmtree(cache_folder(FOLDER), ignore_errors=True)


def _stamp(split: Split, row: int) -> str:
    """Changes whenever a file of this image does; empty where there is none, or one that may be written just now."""
    if not isinstance(split, FileBacked):
        return ""
    stamps = {str(file.resolve()): stamp_of(file) for file in split.files(row)}
    return json.dumps([split.name(row), stamps]) if stamps and all(stamps.values()) else ""
