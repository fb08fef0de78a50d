"""A run in an object store: its URL, the folder of this machine that mirrors it, and what goes to and fro."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .files import PART, UNREADABLE, cache_folder, write_atomic
from .object_store import DISK, ObjectStore, StoreError

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/*((?<=/)[^/].*|)")
"""Of a path that was a URL: `s3:/bucket/run`, or `s3:` where a name was forgotten."""
KEPT = ("cells", "checks.json", "guards.json", "journal", "pictures", "plan.json", "segmenters", "shots.npz")
"""What of a run goes into a store: neither trained heads nor what a report can make of the rest."""
SHEET = ".png"
"""How the name of a picture ends that is drawn of others."""
MARK, INDEX, LOCK = "url", "index.json", "lock"
"""Beside the folder: what it mirrors, what was the same in both, and whoever is comparing them."""
WAITS = (1.0, 4.0, 16.0, 64.0)
"""Seconds between tries to bring what was done into a store, which ends a run only if it fails for longer."""
AT_ONCE = 64
"""Objects that are read or written together."""

Which = Callable[[str], bool]
"""Whether an object is meant, by its name."""
Same = tuple[str, tuple[int, ...]]
"""The version of an object, and the size, time and number of the file that it was the same as."""


def here(path: Path) -> Path:
    """The folder of a run on this machine, filled with what its store has; a path that is no URL is its own."""
    folder = folder_of(path)
    if (mirror := mirror_of(folder)) is not None:
        mirror.pull()
    return folder


def is_url(path: Path) -> bool:
    """Whether a path was a URL, before it lost a slash."""
    return URL.fullmatch(str(path)) is not None


def folder_of(path: Path) -> Path:
    """The folder that mirrors a URL; a path that is no URL is its own."""
    if not (found := URL.fullmatch(str(path))):
        return path
    protocol, rest = found[1].lower(), found[2].rstrip("/")
    url = f"{protocol}:{'///' if protocol in DISK else '//'}{rest}"
    ObjectStore(url)  # refuses what is no clear name
    folder = cache_folder("runs") / hashlib.sha256(url.encode()).hexdigest()[:16]
    write_atomic(folder / MARK, url.encode())
    return folder / rest.rpartition("/")[2]


def url_of(folder: Path) -> str:
    """The URL that a folder mirrors; '' of any other."""
    mark = folder.parent / MARK
    return mark.read_text(encoding="utf-8") if folder.parent.parent == cache_folder("runs") and mark.exists() else ""


def shown(folder: Path) -> str:
    """What people know a run by: its URL, or its folder."""
    return url_of(folder) or str(folder)


def mirror_of(folder: Path) -> Mirror | None:
    """What brings a folder and its URL together; None of a folder without."""
    return Mirror(folder, ObjectStore(url)) if (url := url_of(folder)) else None


def anything(_: str) -> bool:
    """All objects."""
    return True


@dataclass(frozen=True)
class Mirror:
    """A folder, and the store that its run is kept in; every file travels whole."""

    folder: Path
    store: ObjectStore

    def pull(self, which: Which = anything) -> None:
        """Take what the store has now: what is other than it was, or gone, since the two were the same."""
        with self._index() as index:
            found = self.store.versions()
            if index and not any(map(_kept, found)):
                what = f"{self.store.url} holds no run any more, of which {self.folder} has {len(index)} files"
                raise StoreError(f"{what}; bring the store back, or delete {self.folder.parent} to begin anew")
            there = {name: version for name, version in found.items() if _kept(name) and which(name)}
            for name in [name for name in index if which(name) and name not in there]:
                if self._state(name) == index.pop(name)[1]:
                    (self.folder / name).unlink()
            changed = [name for name in there if index.get(name, ("",))[0] != there[name] or not self._state(name)]
            for names in _batches(changed):
                read = self.store.read(names)
                for name in filter(read.__contains__, names):
                    write_atomic(self.folder / name, read[name])
                    index[name] = there[name], self._state(name)

    def push(self, which: Which = anything) -> None:
        """Bring what is other here than it was when the two were the same, if need be at another try."""
        for wait in WAITS:
            try:
                self._push(which)
            except StoreError:
                time.sleep(wait)
            else:
                return
        self._push(which)

    def _push(self, which: Which) -> None:
        with self._index() as index:
            states = {name: self._state(name) for name in self._unsent(index) if which(name)}
            for names in _batches([*states]):
                self.store.write({name: (self.folder / name).read_bytes() for name in names})
            versions = self.store.versions() if states else {}
            index |= {name: (versions[name], state) for name, state in states.items() if name in versions}

    def unsent(self) -> list[str]:
        """What is here and not in the store as yet."""
        with self._index() as index:
            return self._unsent(index)

    def _unsent(self, index: Mapping[str, Same]) -> list[str]:
        files = [file for kept in KEPT for file in (self.folder / kept, *(self.folder / kept).rglob("*"))]
        names = [file.relative_to(self.folder).as_posix() for file in files if file.is_file()]
        return [n for n in names if _kept(n) and index.get(n, ("", ()))[1] != self._state(n)]

    def _state(self, name: str) -> tuple[int, ...]:
        """Tells a file from what it was, and from none."""
        try:
            there = (self.folder / name).stat()
        except FileNotFoundError:
            return ()
        return there.st_size, there.st_mtime_ns, there.st_ino

    @contextmanager
    def _index(self) -> Iterator[dict[str, Same]]:
        """What was the same in both, which no other program of this machine changes meanwhile."""
        from filelock import FileLock

        file = self.folder.parent / INDEX
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder.parent / LOCK):
            try:
                index = {name: (str(v), tuple(map(int, s))) for name, (v, s) in json.loads(file.read_text()).items()}
            except UNREADABLE:  # none as yet, or a damaged one: all that is there is taken again
                index = {}
            before = dict(index)
            try:
                yield index
            finally:
                if index != before:
                    write_atomic(file, json.dumps(index).encode())


def _kept(name: str) -> bool:
    """Whether a file of a run goes into a store."""
    return name.partition("/")[0] in KEPT and not name.endswith(SHEET) and not PART.search(name)


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Names in the order in which they travel: what says that a cell is there after what it says it of."""
    order = sorted(names, key=lambda name: (name.endswith(".json"), name))
    first = sum(not name.endswith(".json") for name in order)
    for some in (order[:first], order[first:]):
        for start in range(0, len(some), AT_ONCE):
            yield some[start : start + AT_ONCE]
