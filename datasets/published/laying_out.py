"""Lays out what was downloaded: the places of a set out of archives and folders, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from ... import one_line
from ..dataset import DatasetError
from ..files.hints import enumeration
from ..files.listing import files_below
from ..files.unpacking import MOST_BYTES
from . import PublishedSet

MOST_TOTAL = 2**36
"""Bytes that all archives of a set may become together: twice the largest that is known."""
CHUNK = 2**20

Put = Callable[[Path], None]
"""Writes a member to a path that is not there."""
Member = tuple[str, int, Put]
"""The path of a file in its source, its bytes, and how it is written."""


def lay_out(published: PublishedSet, sources: Sequence[Path], out: Path) -> dict[str, int]:
    """Lay the places of a set into a new folder; how many files each has, and how many in the sources have no place."""
    if not published.places:
        raise DatasetError(f"{published.name} is not laid out: {published.note}")
    if out.exists():
        raise DatasetError(f"{out} is there already, and nothing is written over; name another --out")
    counts, total = Counter[str](), 0
    names = {place: published.found_as.get(place, place) for place in (*published.places, *published.optional)}
    with new_folder(out) as part:
        for source in sources:
            for path, size, put in members(source):
                place, rest = find_place(path, names, published.patterns)
                counts[place] += 1
                if not place:
                    continue
                total += size
                _check(f"{source}/{path}", size, total)
                target = part / place / rest if rest else part / place
                if target.exists():
                    raise DatasetError(
                        f"{source}/{path} is the second {place}/{rest}; name each source once with --from"
                    )
                target.parent.mkdir(parents=True, exist_ok=True)
                put(target)
        for name, text in published.writes.items():
            (part / name).write_text(text, encoding="utf-8")
        _check_whole(published, sources, counts, part)
    return dict(counts)


def unpack(archive: Path, out: Path) -> None:
    """Unpack all files of a zip or tar into a new folder, written whole or not at all."""
    total, room = 0, shutil.disk_usage(out.parent).free
    with new_folder(out) as part:
        for path, size, put in members(archive):
            parts = PurePosixPath(path).parts
            total += size
            if ".." in parts or PurePosixPath(path).is_absolute():
                raise DatasetError(f"{archive} holds {path}, which lies outside of any folder; pack it again")
            if total > room:
                raise DatasetError(f"{archive} would become more than {room >> 20:,} MiB, which are free; make room")
            if "__MACOSX" not in parts:
                (part / path).parent.mkdir(parents=True, exist_ok=True)
                put(part / path)


def find_place(path: str, places: Mapping[str, str], patterns: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """The place that a file in a source belongs to, by what it is called there, and its path in it; empty for none."""
    parts = PurePosixPath(path).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    if hidden or PurePosixPath(path).is_absolute():  # ".." begins with a dot
        return "", ""
    for pattern, (place, template) in patterns.items():
        if match := re.fullmatch(pattern, parts[-1]):
            return place, match.expand(template)
    if patterns:
        return "", ""
    for place, name in places.items():
        wanted = PurePosixPath(name).parts
        for start in range(len(parts) - len(wanted) + 1):
            if parts[start : start + len(wanted)] == wanted:
                return place, "/".join(parts[start + len(wanted) :])
    return "", ""


def content_digest(folder: Path) -> str:
    """Of the paths and contents of all files below a folder, whatever archive they come from."""
    digest = hashlib.sha256()
    for name in files_below(folder):
        digest.update(f"{sha256(folder / name)}  {name}\n".encode())
    return digest.hexdigest()


def sha256(file: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()  # in pieces: hashlib.file_digest is not in Python 3.10
    with file.open("rb") as content:
        while piece := content.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def _check(member: str, size: int, total: int) -> None:
    """Refuse what would fill the disk."""
    if size > MOST_BYTES and not member.endswith(".pkl"):
        raise DatasetError(
            f"{member} would become {size >> 20:,} MiB, and {MOST_BYTES >> 20} are the most; leave it out"
        )
    if total > MOST_TOTAL:
        raise DatasetError(f"up to {member} it would become {total >> 30} GiB, more than any of these sets; see to it")


def _check_whole(published: PublishedSet, sources: Sequence[Path], counts: Counter[str], part: Path) -> None:
    """Refuse a set that lacks a place, or has other content than is known."""
    missing = [place for place in published.places if not counts[place]]
    if missing:
        where = enumeration(sources)
        raise DatasetError(f"{where} holds no {enumeration(missing)}; name every download with --from")
    if published.content and content_digest(part) != published.content:
        raise DatasetError(f"{enumeration(sources)} holds other files than were published; download it again")


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder that gets its name when all is in it; of one that is not whole, nothing is left."""
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        yield part
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def members(source: Path) -> Iterator[Member]:
    """The files of a folder, a zip or a tar, with the bytes of each; links are left out."""
    try:
        if source.is_dir():
            yield from _of_folder(source)
        elif source.is_file() and tarfile.is_tarfile(source):  # whose last file may be a zip, as weights of torch are
            yield from _of_tar(source)
        elif zipfile.is_zipfile(source):
            yield from _of_zip(source)
        else:
            fact = "is no folder, zip or tar" if source.exists() else "is not there"
            raise DatasetError(f"{source} {fact}; name what was downloaded")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError) as error:
        raise DatasetError(f"{source} cannot be unpacked ({one_line(error)}); download it again") from error


def _of_folder(source: Path) -> Iterator[Member]:
    for name in files_below(source):
        file = source / name
        if file.is_file() and not file.is_symlink():
            # The name of the folder itself may be a place.
            yield f"{source.resolve().name}/{name}", 0, lambda target, file=file: link(file, target)  # type: ignore[misc]


def link(file: Path, target: Path) -> None:
    """The same file under another name, or a copy of it on another disk."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copy2(file, target)


def _of_zip(source: Path) -> Iterator[Member]:
    with zipfile.ZipFile(source) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, info.file_size, lambda target, info=info: _pour(archive.open(info), target)  # type: ignore[misc]


def _of_tar(source: Path) -> Iterator[Member]:
    with tarfile.open(source) as archive:
        for info in archive:
            if info.isfile() and (content := archive.extractfile(info)):
                yield info.name, info.size, lambda target, content=content: _pour(content, target)  # type: ignore[misc]


def _pour(content: IO[bytes], target: Path) -> None:
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file, CHUNK)
