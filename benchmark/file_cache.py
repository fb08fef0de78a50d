"""Files of weights and images by what they hold, and the words that they are for.

`files/SHA256/NAME` in the cache; `names/` has what a word stands for: a URL that was fetched, which is done once, or a
path that a file was brought from. A folder is kept as a tar, and unpacked once, into `trees/SHA256`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..datasets.published.laying_out import link, unpack
from .file_contents import CacheError, Content, content_of, content_of_tree, files_of, innermost
from .file_hashes import file_hash
from .files import FILES, UNREADABLE, cache_folder, set_aside_file, write_atomic
from .remote_files import check_url, copy, copy_folder, name_in, split_pin

NAMES, TREES, INCOMING = "names", "trees", "incoming"
"""Folders beside that of the files: what words stand for, what was unpacked, what is not whole as yet."""


@dataclass
class Outlet:
    """Hears of what takes long, and of what is damaged."""

    tell: Callable[[str], None] = lambda sentence: None
    progress: Callable[[str, int, int], None] = lambda what, done, whole: None
    """Hears what is fetched, how many bytes there are, and how many there will be, 0 where nobody says."""


OUTLET = Outlet()
"""Of this process: whoever has a terminal puts it here."""


@dataclass(frozen=True)
class FileCache:
    """The files in a folder, which a machine, or several that see it, have in common."""

    folder: Path

    @classmethod
    def here(cls) -> FileCache:
        """That of this machine."""
        return cls(cache_folder(FILES).parent)

    def stored(self, content: Content) -> Path | None:
        """Its file; one of another size is damaged, and set aside."""
        file = self._file(content)
        for other in self._of_hash(content.sha256):
            if (size := other.stat().st_size) != content.size:
                OUTLET.tell(set_aside_file(other, f"it has {size:,} bytes and not {content.size:,}"))
            elif not file.exists():  # it came under another name, by which a family would not know it
                link(other, file)
        return file if file.exists() else None

    def place(self, content: Content) -> Path | None:
        """Where that lies which is meant, a folder unpacked; None if it is not here."""
        if not content.tree:
            return self.stored(content)
        tree = self.folder / TREES / content.sha256
        if not tree.is_dir():
            with self._alone(content.sha256):
                archive = self.stored(content)
                if archive and not tree.is_dir():
                    tree.parent.mkdir(parents=True, exist_ok=True)
                    unpack(archive, tree)
        if not tree.is_dir():
            return None
        return tree / content.inside if content.inside else innermost(tree)

    def keep(self, content: Content, write: Callable[[Path], object]) -> None:
        """Have a file here, which `write` writes where it is not; nothing else is taken for it."""
        if self.stored(content):
            return
        with self._alone(content.sha256):
            if not self.stored(content):
                part = self.folder / INCOMING / content.sha256
                try:
                    write(part)
                    self._take(part, file_hash(part, 64), content, content.name, content.sha256)
                finally:
                    part.unlink(missing_ok=True)

    def known(self, word: str) -> Content | None:
        """What a word stands for, if anybody said so."""
        try:
            record = json.loads(self._note(word).read_text(encoding="utf-8"))
            return Content(**record["content"]) if record["word"] == word else None
        except UNREADABLE:  # none; or a damaged one, which is found out anew
            return None

    def remember(self, word: str, content: Content) -> None:
        """Have a word stand for this from now on."""
        record = {"word": word, "content": asdict(content)}
        write_atomic(self._note(word), json.dumps(record, indent=1).encode())

    def words(self) -> list[str]:
        """All words that stand for something."""
        files = sorted((self.folder / NAMES).glob("*.json"))
        try:
            return [str(json.loads(file.read_text(encoding="utf-8"))["word"]) for file in files]
        except UNREADABLE:
            raise CacheError(f"{self.folder / NAMES} has a damaged file; copy there again what was brought") from None

    def fetch(self, word: str, pin: str = "") -> Content:
        """What a URL holds, fetched once; `pin`, or `#sha256=DIGITS` behind it, is what its hash must begin with."""
        url, pinned = split_pin(word)
        check_url(url)
        pin = pin or pinned
        if found := self.fetched(url, pin):
            return found
        with self._alone(url):
            return self.fetched(url, pin) or self._fetch(url, pin)

    def fetch_folder(self, url: str) -> Content:
        """What a URL holds whose objects are files of a folder, all of them fetched once."""
        check_url(url)
        with self._alone(url):
            if (known := self.known(url)) and self.place(known):
                return known
            part = self.folder / INCOMING / hashlib.sha256(url.encode()).hexdigest()
            shutil.rmtree(part, ignore_errors=True)
            copy_folder(url, part, lambda done, whole: OUTLET.progress(url, done, whole))
            name = url.rstrip("/").rpartition("/")[2]
            content = replace(content_of_tree(files_of(part), name), origin=url)
            tree = self.folder / TREES / content.sha256
            if not tree.exists():
                tree.parent.mkdir(parents=True, exist_ok=True)
                part.rename(tree)
            self.remember(url, content)
            return content

    def fetched(self, url: str, pin: str) -> Content | None:
        """What is here of a URL: it was fetched, or a file with this hash came from elsewhere."""
        if (known := self.known(url)) and known.sha256.startswith(pin) and self.stored(known):
            return known
        same = self._of_hash(f"{pin}*") if pin else []
        found = replace(content_of(same[0]), name=name_in(url), origin=url) if same else None
        if not (found and found.sha256.startswith(pin) and self.stored(found)):
            return None
        self._remember_first(url, found)
        return found

    def _fetch(self, url: str, pin: str) -> Content:
        name = name_in(url)
        part = self.folder / INCOMING / hashlib.sha256(f"{url} {pin}".encode()).hexdigest()
        if not pin:
            part.unlink(missing_ok=True)  # nothing would tell the rest of another file
        copy(url, part, lambda done, whole: OUTLET.progress(url, done, whole))
        content = replace(content_of(part), name=name, origin=url)
        self._take(part, content.sha256, content, url, pin)
        (self._remember_first if pin else self.remember)(url, content)
        return content

    def _remember_first(self, url: str, content: Content) -> None:
        """Have a URL without a pin stand for this, unless it stands for something: a pin says what it means itself."""
        if self.known(url) is None:
            self.remember(url, content)

    def _take(self, part: Path, found: str, content: Content, what: str, digits: str) -> None:
        """Give a file with this hash its place, if it is the one that was meant."""
        if not found.startswith(digits):
            part.unlink()
            fact = f"{what} has the SHA-256 {found[:16]}... and not {digits[:16]}..."
            raise CacheError(f"{fact}; it is not kept: see who changed it, or name it by the hash that it has")
        self._file(content).parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, self._file(content))

    def _file(self, content: Content) -> Path:
        return self.folder / FILES / content.sha256 / content.name

    def _of_hash(self, pattern: str) -> list[Path]:
        """What there is whose hash is like that, but for what was set aside."""
        return sorted(self.folder.glob(f"{FILES}/{pattern}/*"))

    def _note(self, word: str) -> Path:
        return self.folder / NAMES / f"{hashlib.sha256(word.encode()).hexdigest()[:32]}.json"

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        """Be the only one who does this here."""
        from filelock import FileLock

        lock = self.folder / INCOMING / f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            yield
