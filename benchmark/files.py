"""Files on disk: written whole or not at all, hashed, read as TOML, and where caches lie."""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


PART = re.compile(r"\.[0-9]+\.part(\.[a-z]+)?$")
"""How the name of a half-written file ends: the number of the process that writes it, and of its machine, is in it."""
FILES, DAMAGED = "files", "damaged"
"""Folders of the cache: of files by what they hold, `files/SHA256/NAME`, and of those that do not hold it any more."""
HOUR = 3600.0
"""Seconds after which nobody is writing the same file of a run still."""
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What json, zipfile and numpy raise on a file that is cut short, has a bit flipped or was edited by hand.

RuntimeError is a compression or encryption that zipfile does not know, and brackets within brackets without end.
"""


@lru_cache(maxsize=1)
def machine_name() -> str:
    """Tells this machine, since it was started and as far as it numbers its processes, from every other."""
    parts = [socket.gethostname()]
    with suppress(OSError):  # on Linux: two containers may have one name and two processes 1
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def machine_number() -> int:
    """A number for that name, of ten digits at most."""
    return zlib.crc32(machine_name().encode())


def _writer() -> str:
    """Tells this program from every other in the names of files that are not whole yet."""
    return f"{os.getpid()}{machine_number():010d}"


@contextmanager
def replacing(path: Path, suffix: str = "") -> Iterator[Path]:
    """A file to write that takes the place of `path` when it is whole; of one that is not, nothing is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    device = path.exists() and not (path.is_file() or path.is_dir())
    part = path if device else path.with_name(f"{path.name}.{_writer()}.part{suffix}")
    try:
        yield part
        if not device:
            os.replace(part, path)
    except Exception as error:
        elsewhere = isinstance(error, OSError) and str(error.filename) not in ("None", str(part))
        if elsewhere or (number := _error_number(error)) is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from None
    finally:
        if not device:
            with suppress(OSError):  # of a disk that cannot be written to at all
                part.unlink()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as part:
        part.write_bytes(data)


def create_atomic(path: Path, data: bytes) -> bool:
    """Write a file whole if there is none; False if there is. Of several programs and threads one does it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{_writer()}{threading.get_ident()}.part")
    try:
        part.write_bytes(data)
        return _link(part, path)
    finally:
        with suppress(OSError):
            part.unlink()


def _link(part: Path, path: Path) -> bool:
    """Give a file its name, if nothing has it."""
    try:
        os.link(part, path)
    except OSError as error:
        if part.stat().st_nlink > 1:  # a network disk, whose answer was lost
            return True
        # Without links, whoever is killed meanwhile leaves half a file.
        return False if isinstance(error, FileExistsError) else _copy(part, path)
    return True


def _copy(part: Path, path: Path) -> bool:
    try:
        new = path.open("xb")
    except FileExistsError:
        return False
    try:
        with new:
            new.write(part.read_bytes())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


class LockedError(UserError):
    """A file that another program writes, in one sentence: the fact, the culprit, the mend."""


@contextmanager
def locked_file(lock: Path, sentence: str) -> Iterator[None]:
    """Keep a lock that no two programs have at once; the second ends with this sentence."""
    from filelock import FileLock, Timeout

    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout:
        raise LockedError(sentence) from None


def remove_parts(folder: Path, older: float = 0.0) -> None:
    """Remove what programs that were killed have left of half-written files, where it is so many seconds old."""
    for part in folder.rglob("*.part*"):
        with suppress(OSError):  # another has removed it
            if PART.search(part.name) and time.time() - part.stat().st_mtime >= older:
                part.unlink()


def writable(folder: Path) -> bool:
    """Whether files can be written into a folder, or it can be made."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return os.access(there, os.W_OK)


def _error_number(error: BaseException | None) -> int | None:
    """What the system said of a write; torch hides it behind an error of its own, safetensors in the text."""
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            return error.errno
        if found := re.search(r"\(os error (\d+)\)", str(error)):
            return int(found[1])
        error = error.__cause__ or error.__context__
    return None


def is_full(error: BaseException) -> bool:
    """Whether a disk is full, or a file larger than it may be: no fault of whoever was writing."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def set_aside_file(file: Path, why: str) -> str:
    """Take a damaged file out of the cache; what is said of it."""
    aside = file.parents[2] / DAMAGED / f"{file.parent.name[:16]}-{file.name}"
    aside.parent.mkdir(parents=True, exist_ok=True)
    os.replace(file, aside)
    return f"{file} is damaged ({why}) and set aside, as {aside}"


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
