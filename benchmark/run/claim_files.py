"""Where claims lie: in a folder that all see, or in an object store, whose times say whether a holder is heard of."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Protocol

from ..files import create_atomic, write_atomic
from ..object_store import ObjectStore

FOLDER = "claims"
"""Of a run, with a file for everything that somebody is doing."""
WHOLE = "run"
"""The claim on what all runs into a folder write: the plan, what its guards found, what was checked."""
FRESH, SURE = 1.0, 20.0
"""Seconds for which a list of a store's claims is good, and what was read of one."""


class ClaimFiles(Protocol):
    """Small texts by name, which one program alone can create, and which have a time."""

    def names(self) -> list[str]:
        """All that are there."""

    def create(self, name: str, text: str) -> bool:
        """Make one; False if it is there."""

    def read(self, name: str, now: bool = False) -> str:
        """What one says now, or said a moment ago; raises `FileNotFoundError` where it is gone."""

    def write(self, name: str, text: str) -> None:
        """Say something else."""

    def remove(self, name: str) -> None:
        """Remove one, if it is there."""

    def renew(self, name: str, text: str) -> None:
        """Let its time be now, if it is there and says so."""

    def age(self, name: str) -> float:
        """Seconds since then, by a clock that all share; raises `FileNotFoundError` where it is gone."""


@dataclass(frozen=True)
class FolderClaims:
    """Files in a folder."""

    folder: Path

    def names(self) -> list[str]:
        return os.listdir(self.folder) if self.folder.is_dir() else []

    def create(self, name: str, text: str) -> bool:
        return create_atomic(self.folder / name, text.encode())

    def read(self, name: str, now: bool = False) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        write_atomic(self.folder / name, text.encode())

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def renew(self, name: str, text: str) -> None:
        os.utime(self.folder / name)

    def age(self, name: str) -> float:
        return disk_time(self.folder) - (self.folder / name).stat().st_mtime


def disk_time(folder: Path) -> float:
    """The time, as the disk of a folder has it: machines need not agree."""
    folder.mkdir(parents=True, exist_ok=True)
    clock = folder / f"clock.{os.getpid()}.{threading.get_ident()}"
    clock.write_bytes(b"")
    now = clock.stat().st_mtime
    clock.unlink(missing_ok=True)
    return now


@dataclass
class StoreClaims:
    """Objects of a store, which is asked as seldom as can be: what has changed is noticed when a claim is made."""

    store: ObjectStore
    _names: tuple[float, list[str]] = (float("-inf"), [])
    _clock: tuple[float, float] = (float("-inf"), 0.0)
    """When the store was asked for the time, and what it said."""
    _texts: dict[str, tuple[float, str]] = field(default_factory=dict)
    _ages: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Likewise for claims: what they said, and how old they were."""

    def names(self) -> list[str]:
        if time.monotonic() - self._names[0] > FRESH:
            found = self.store.versions(FOLDER)
            self._names = time.monotonic(), [name.rpartition("/")[2] for name in found]
        return self._names[1]

    def create(self, name: str, text: str) -> bool:
        self._forget(name)
        return self.store.create(f"{FOLDER}/{name}", text.encode())

    def read(self, name: str, now: bool = False) -> str:
        asked, text = self._texts.get(name, (float("-inf"), ""))
        if now or time.monotonic() - asked > SURE:
            found = self.store.read([f"{FOLDER}/{name}"])
            if not found:
                raise FileNotFoundError(name)
            before, text = text, next(iter(found.values())).decode()
            if text != before:  # another claim of the same name has an age of its own
                self._ages.pop(name, None)
            self._texts[name] = time.monotonic(), text
        return text

    def write(self, name: str, text: str) -> None:
        self._forget(name)
        self.store.write({f"{FOLDER}/{name}": text.encode()})

    def remove(self, name: str) -> None:
        self._forget(name)
        self.store.remove(f"{FOLDER}/{name}")

    def renew(self, name: str, text: str) -> None:
        if self.read(name, now=True) == text:  # else whoever took its holder for dead has it
            self.write(name, text)

    def age(self, name: str) -> float:
        asked, age = self._ages.get(name, (float("-inf"), 0.0))
        if time.monotonic() - asked > SURE:
            age = self._now() - self.store.modified(f"{FOLDER}/{name}")
            self._ages[name] = time.monotonic(), age
        return age

    def _forget(self, name: str) -> None:
        """Ask anew for what this program changes."""
        self._names = float("-inf"), []
        for known in (self._texts, self._ages):
            known.pop(name, None)

    def _now(self) -> float:
        """The time of the store, which is asked for it once in a while."""
        asked, said = self._clock
        if time.monotonic() - asked > SURE:
            self._clock = asked, said = time.monotonic(), self.store.now()
        return said + time.monotonic() - asked


def is_claim(name: str) -> bool:
    """Whether a file is a claim, which ends with its number."""
    return PurePath(name).suffix[1:].isdecimal()


def number_of(name: str) -> int:
    """How many held the same before, and died."""
    return int(PurePath(name).suffix[1:])


def claims_on(name: str, files: ClaimFiles) -> list[str]:
    """The claims on a name: of all who held it and died, and of who holds it, the last."""
    return sorted((file for file in files.names() if is_claim(file) and PurePath(file).stem == name), key=number_of)


def claim_on(file: str) -> str:
    """The claim that a file of a run is written under: a cell's on its draw; '' of those that are one program's."""
    folder, slash, name = file.rpartition("/")
    parts = PurePath(name).stem.split("--")
    return f"{parts[0]}--{parts[-1]}" if folder == "cells" else "" if slash else WHOLE
