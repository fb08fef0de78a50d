"""What a file holds, or a folder as a tar: the same files are the same tar to the bit, wherever they are packed."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from .. import UserError
from ..datasets.files.listing import files_below
from .file_hashes import file_hash

_HASH = re.compile(r"[0-9a-f]{64}")


class CacheError(UserError):
    """A file that is not what it should be, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class Content:
    """What a file holds, or a folder as a tar, wherever it lies."""

    sha256: str
    size: int
    """Bytes."""
    name: str
    """Of the file: families look at how it ends."""
    tree: bool = False
    """Whether it is an archive that stands for a folder."""
    inside: str = ""
    """What of the folder is meant, `.` for all of it; '': its one folder, if it has nothing else."""
    origin: str = ""
    """Where it was fetched from, for results."""

    def __post_init__(self) -> None:
        parts = (self.name, *PurePosixPath(self.inside).parts)
        plain = all(part not in ("", "..", "/") for part in parts) and PurePosixPath(self.name).name == self.name
        if not (plain and _HASH.fullmatch(self.sha256)):
            raise CacheError(f"{self.name!r} with the SHA-256 {self.sha256!r} is no file of a cache; bring it again")


def content_of(file: Path) -> Content:
    """What a file holds."""
    return Content(file_hash(file, 64), file.stat().st_size, file.name)


@dataclass
class HashSink:
    """A file that keeps nothing of what is written but its hash and its size."""

    digest: Any = field(default_factory=hashlib.sha256)
    size: int = 0

    def write(self, data: bytes) -> int:
        """Take the next bytes."""
        self.digest.update(data)
        self.size += len(data)
        return len(data)


def files_of(folder: Path) -> dict[str, Path]:
    """All files below a folder by their paths in it, those that links lead to with them."""
    found = {name: folder / name for name in files_below(folder)}
    return {name: file for name, file in found.items() if file.is_file()}


def pack(files: Mapping[str, Path], out: Any) -> None:
    """Write files as a tar, into what has `write`: by their names alone, without times, owners and rights."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT, encoding="utf-8") as archive:
        for name in sorted(files):
            info = tarfile.TarInfo(name)
            info.size = files[name].stat().st_size
            with files[name].open("rb") as file:
                archive.addfile(info, file)


def pack_into(files: Mapping[str, Path], part: Path) -> None:
    """Write that tar into a file."""
    with part.open("wb") as file:
        pack(files, file)


def content_of_tree(files: Mapping[str, Path], name: str, inside: str = ".") -> Content:
    """What files hold as a folder of this name."""
    sink = HashSink()
    pack(files, sink)
    return Content(sink.digest.hexdigest(), sink.size, f"{name}.tar", tree=True, inside=inside)


def innermost(folder: Path) -> Path:
    """A folder, or the one in it that has all that there is, as where whoever packed it packed the folder itself."""
    inside = list(folder.iterdir())
    return innermost(inside[0]) if len(inside) == 1 and inside[0].is_dir() else folder
