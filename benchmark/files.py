"""Files on disk: written whole or not at all, hashed, read as TOML, and where caches lie."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

from .. import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)
"""What json and numpy raise on a file that is cut short or was edited by hand."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def file_hash(path: Path, digits: int = 16) -> str:
    """SHA-256 of a file, its first digits."""
    digest = hashlib.sha256()  # in pieces: hashlib.file_digest is not in Python 3.10
    with path.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()[:digits]


def weights_hash(weights: Path | None) -> str | None:
    """Hash of the weights file that a backbone reads; None where it reads none, or the file is not there."""
    return file_hash(weights) if weights and weights.exists() else None


def cache_folder(what: str = "codes") -> Path:
    """Where codes, or `checks`, are kept: in $PARTBENCH_CACHE, else in `partbench` below the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PARTBENCH_CACHE") or Path(base) / "partbench").absolute() / what


class TomlError(UserError):
    """A file that is no TOML, in one sentence: the fact, the culprit, the mend."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TomlError(f"{path} is no TOML ({error}); mend it there") from None
