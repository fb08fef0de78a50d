"""The files that the names in a run's plan stand for, where it began, and must stand for on any other machine."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ... import UserError
from ...backbones.backbone import Backbone
from ..file_cache import FileCache
from ..file_contents import Content
from ..plugins.catalogue import Offer
from ..plugins.named_files import NamedFile, named_file, named_files
from ..plugins.places import Place, Places
from ..remote_files import is_url

PIECE = 2**26
"""Bytes that travel at once."""
MEND = "bring it there with partbench bring, or name it by a URL, or by a path on a disk that all machines see"


class NeedError(UserError):
    """A machine that lacks a file of the run, in one sentence: the fact, the culprit, the mend."""


Send = Callable[["Need"], Iterable[bytes]]
"""Has a file sent, piece by piece, by the machine that the run began on."""


@dataclass(frozen=True)
class Need:
    """A word in the names of a plan, and what it stands for."""

    word: str
    content: Content
    beside: tuple[str, ...] = ()
    """Files that are read with it."""

    def place(self, send: Send | None = None) -> Place:
        """Where this machine has it: where the word says, else in its cache, which it is sent or fetched into."""
        cache, there = FileCache.here(), self._at_its_path()
        if there and there.content.sha256 == self.content.sha256:
            return Place(self.word)
        path = cache.place(self.content)
        if not path and send:
            cache.keep(self.content, lambda part: _write(send(self), part))
            path = cache.place(self.content)
        if path:
            return Place(str(path), self.content.origin)
        if not self.content.origin:
            raise NeedError(f"{_lack(self.word, self.content, there)}; {MEND}")
        return self._fetched()

    def _at_its_path(self) -> NamedFile | None:
        """What lies where the word says, if it is a path."""
        local = not self.content.origin and Path(self.word).exists()
        return self._named() if local else None

    def _named(self) -> NamedFile | None:
        return named_file(self.word, lambda name: self.beside)

    def _fetched(self) -> Place:
        """Where it is fetched to, from its URL or the hub; it must hold the same."""
        try:
            if is_url(self.word) and not self.content.tree:
                FileCache.here().fetch(self.word, self.content.sha256)
            found = self._named()
        except UserError as error:
            raise NeedError(f"{_lack(self.word, self.content, None)}: {error}") from None
        if found is None or found.content.sha256 != self.content.sha256:
            raise NeedError(f"{_lack(self.word, self.content, found)}; {MEND}")
        return Place(str(found.path), self.content.origin)


Needs = Mapping[str, tuple[Need, ...]]
"""By the names of backbones."""


def needs_of(backbones: Mapping[str, Offer[Backbone]]) -> Needs:
    """What the names of backbones stand for here."""
    files = {name: named_files(name, offer.record) for name, offer in backbones.items()}
    return {
        name: tuple(Need(file.word, file.content, tuple(sorted(file.companions))) for file in found)
        for name, found in files.items()
    }


def places_here(needs: Iterable[Need], send: Send | None = None) -> Places:
    """Where this machine has what a backbone needs; raises `NeedError` for the first that it has not."""
    return {need.word: need.place(send) for need in needs}


def pieces_of(need: Need) -> Iterator[bytes]:
    """The file of a word on the machine that the run began on; of a folder, or of several, a tar."""
    file = named_file(need.word, lambda name: need.beside)
    assert file, f"{need.word} was there when the run began"
    with file.packed().open("rb") as content:
        while piece := content.read(PIECE):
            yield piece


def _write(pieces: Iterable[bytes], part: Path) -> None:
    with part.open("wb") as file:
        file.writelines(pieces)


def _lack(word: str, content: Content, there: NamedFile | None) -> str:
    """What is not as it should be on this machine."""
    what = f"{content.size:,} bytes, SHA-256 {content.sha256[:16]}"
    if there is None:
        return f"{platform.node()} has no {word} as this run reads it ({what})"
    return f"{platform.node()} has another {word} than this run reads ({what}, and not {there.content.sha256[:16]})"
