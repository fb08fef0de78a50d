"""Hashes of files, by which results name weights and caches their files."""

from __future__ import annotations

import hashlib
import time
from functools import cache
from pathlib import Path

from .. import UserError
from .files import FILES, cache_folder, set_aside_file

FRESH = 2.0
"""Seconds in which a file may change again and keep its times, as clocks of disks go: nothing of it is remembered."""


def file_hash(path: Path, digits: int = 16) -> str:
    """SHA-256 of a file, its first digits."""
    digest = hashlib.sha256()  # in pieces: hashlib.file_digest is not in Python 3.10
    with path.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()[:digits]


def stamp_of(file: Path) -> tuple[int, ...] | None:
    """Changes whenever a file does: its size, times and place on a disk; None of one that may be written just now.

    Nobody can set the time of the last change: that of the last writing can be put back.
    """
    stat = file.stat()
    if time.time() - max(stat.st_mtime, stat.st_ctime) < FRESH:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def weights_hash(*weights: Path | tuple[Path, ...] | None) -> str | None:
    """Hash of what a backbone reads: a weights file, several, or None; None where it reads none, or one is missing."""
    return "+".join(filter(None, map(_hash_together, weights))) or None


def _hash_together(weights: Path | tuple[Path, ...] | None) -> str | None:
    files = (weights,) if isinstance(weights, Path) else weights or ()
    if not files or not all(file.exists() for file in files):
        return None
    hashes = [_hash_checked(file) for file in files]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256(" ".join(hashes).encode()).hexdigest()[:16]


def _hash_checked(file: Path) -> str:
    """The hash of a file; one that the cache keeps under another is damaged, and set aside."""
    stamp = stamp_of(file)
    found = _known_hash(file, stamp) if stamp else file_hash(file, 64)
    if file.parent.parent == cache_folder(FILES) and file.parent.name != found:
        raise UserError(f"{set_aside_file(file, f'its SHA-256 is {found[:16]}...')}; run the same command again")
    return found[:16]


@cache
def _known_hash(file: Path, stamp: tuple[int, ...]) -> str:
    """The hash of a file, which each of many cells asks for, as long as it has not changed."""
    return file_hash(file, 64)
