"""Objects behind a URL that fsspec knows, as s3://bucket/run: written whole, and made by one program where many try."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import UserError, one_line
from .files import PART, create_atomic, write_atomic

PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}
"""What reads the stores that have conditional writes, by the beginning of their URLs."""
MEMORY, DISK = "memory", ("file", "local")
"""The stores that need no package: of this process, and a disk, whose objects are files."""
_MEMORY_LOCK = threading.Lock()
"""fsspec looks whether an object is in memory, and then makes it."""


STRANGE = re.compile(r"::|[*?\[\]\\]|(?:^|/)\.{0,2}(?=/|$)")
"""What stores read as a chain of stores, as a pattern, or as another folder."""


class StoreError(UserError):
    """A store that cannot be used, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class ObjectStore:
    """The objects whose names begin with a URL, by the rest of their names.

    Raises `StoreError` for a URL that is read in more than one way.
    """

    url: str

    def __post_init__(self) -> None:
        place = self.url.partition(":")[2].lstrip("/")
        if strange := STRANGE.search(place):
            what = f"names a place with {strange[0]!r} in it" if place else "names no place"
            mend = "write it with neither :: nor * ? [ ] \\, and no part empty, . or .., as s3://bucket/runs/faces"
            raise StoreError(f"{self.url} {what}, which a store may take for another; {mend}")

    @property
    def protocol(self) -> str:
        return self.url.partition("://")[0]

    def versions(self, under: str = "") -> dict[str, str]:
        """All objects, or those in a folder, with something that is another when they are written again."""
        with self.asked("be listed"):
            self.system.invalidate_cache()
            try:
                found = self.system.find(self.path(under), detail=True)
            except FileNotFoundError:
                return {}
        names = {path[len(self._root) + 1 :]: f for path, f in found.items() if path.startswith(f"{self._root}/")}
        real = [name for name in names if name and name[-1] != "/" and not PART.search(name)]
        for name in real:
            if STRANGE.search(name):
                raise StoreError(f"{self.url} holds an object called {name!r}, as no run writes one; remove it there")
        return {name: hashlib.sha256(str(sorted(names[name].items())).encode()).hexdigest()[:16] for name in real}

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """What objects hold, but for those that are gone."""
        paths = {self.path(name): name for name in names}
        with self.asked("be read"):
            found = self.system.cat(list(paths), on_error="return") if paths else {}
            for error in found.values():
                if isinstance(error, Exception) and not isinstance(error, FileNotFoundError):
                    raise error
        return {paths[path]: data for path, data in found.items() if isinstance(data, bytes)}

    def write(self, objects: Mapping[str, bytes]) -> None:
        """Write objects, each whole or not at all."""
        with self.asked("be written"):
            if self.protocol in DISK:
                for name, data in objects.items():
                    write_atomic(Path(self.path(name)), data)
            elif objects:
                self.system.pipe({self.path(name): data for name, data in objects.items()})

    def create(self, name: str, data: bytes) -> bool:
        """Write an object that is not there, which of several programs one alone can; False where it is."""
        with self.asked("be written"):
            try:
                self._create(self.path(name), data)
                return True
            except OSError:  # there is one; or whoever was asked made it, and was asked again since the answer was lost
                there = self.read([name])
                if name not in there:
                    raise
                return there[name] == data

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        with self.asked("be written"), suppress(FileNotFoundError):
            self.system.rm_file(self.path(name))

    def modified(self, name: str) -> float:
        """When an object was written, as the store has it; raises `FileNotFoundError` where it is gone."""
        with self.asked("be read"):
            self.system.invalidate_cache()
            with suppress(FileNotFoundError):
                return float(self.system.modified(self.path(name)).timestamp())
        raise FileNotFoundError(name)

    def now(self) -> float:
        """The time, as the store has it."""
        name = f"claims/{secrets.token_hex(8)}.clock"
        self.write({name: b""})
        try:
            return self.modified(name)
        finally:
            self.remove(name)

    def check_exclusive(self) -> None:
        """Refuse a store in which two programs can both make the same object: they would do the same work."""
        mend = "choose s3://, gs:// or az://, or a folder"
        if self.protocol not in (*PACKAGES, MEMORY, *DISK):
            what = f"{self.protocol}:// has no way to write an object only where there is none"
            raise StoreError(f"{what}, so that two runs into {self.url} would do the same; {mend}")
        name = f"claims/{secrets.token_hex(8)}.probe"
        try:
            both = self.create(name, b"first") and self.create(name, b"second")
        finally:
            self.remove(name)
        if both:
            what = "the server takes no notice of If-None-Match"
            raise StoreError(f"two programs can write the same object of {self.url} ({what}); {mend}")

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        with self.asked("be opened"):
            try:
                system, root = url_to_fs(self.url, use_listings_cache=False)
            except ImportError as error:
                package = PACKAGES.get(self.protocol)
                mend = f"pip install {package}" if package else "install what it names"
                raise StoreError(f"{self.url} needs a package that is not here ({one_line(error)}); {mend}") from None
        return system, str(root).rstrip("/")

    @property
    def system(self) -> Any:
        """What fsspec reads and writes it with."""
        return self._opened[0]

    @property
    def _root(self) -> str:
        return self._opened[1]

    def path(self, name: str) -> str:
        """An object, as fsspec calls it; '' is what the URL itself names."""
        return f"{self._root}/{name}".rstrip("/")

    def _create(self, path: str, data: bytes) -> None:
        if self.protocol in DISK:
            if not create_atomic(Path(path), data):
                raise FileExistsError(path)
        elif self.protocol == MEMORY:
            with _MEMORY_LOCK:
                self.system.pipe_file(path, data, mode="create")
        else:
            self.system.pipe_file(path, data, mode="create")

    @contextmanager
    def asked(self, what: str) -> Iterator[None]:
        """Whatever the libraries of stores raise as one sentence."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            mend = "see that it is there and that you may use it, and run the same command again"
            raise StoreError(f"{self.url} cannot {what} ({one_line(error)}); {mend}") from None
