"""The files that the names of backbones have behind an '@', as they lie here and by what they hold."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...backbones.backbone import Backbone
from ...backbones.family import PACKAGE
from ...backbones.weights.hub import on_hub
from ..file_cache import FileCache
from ..file_contents import Content, content_of, content_of_tree, files_of, pack_into
from ..plan import INSID3
from .backbone_names import parse_backbone
from .places import Companions, no_companions, place_of_weights


@dataclass(frozen=True)
class NamedFile:
    """A file that a word in a name stands for, with those beside it, or a folder."""

    word: str
    content: Content
    path: Path
    """Where it lies."""
    files: Mapping[str, Path]
    """All of it, by the names in its folder."""

    @property
    def companions(self) -> set[str]:
        """The names of those beside it; none of a folder."""
        return set() if self.path.is_dir() else set(self.files) - {self.path.name}

    def write(self, part: Path) -> None:
        """Write the file; a folder, or several files, as a tar."""
        if self.content.tree:
            pack_into(self.files, part)
        else:
            shutil.copyfile(self.path, part)

    def packed(self) -> Path:
        """One file that holds it: itself, or a tar in the cache."""
        if not self.content.tree:
            return self.path
        cache = FileCache.here()
        cache.keep(self.content, self.write)
        file = cache.stored(self.content)
        assert file, f"{self.word} was packed a moment ago"
        return file


def named_files(name: str, record: Backbone) -> Iterator[NamedFile]:
    """Those of a backbone: its weights, and those of what is wrapped around it; not what a library fetches for it."""
    parts = parse_backbone(name.removeprefix(INSID3))
    words = [(parts.weights, record.companions or no_companions)]
    words += [(wrapper.partition("@")[2], no_companions) for wrapper in parts.wrappers]
    for word, companions in words:
        library = word == PACKAGE or (record.repositories and on_hub(word))
        if word and not library and (file := named_file(word, companions)):
            yield file


def named_file(word: str, companions: Companions = no_companions) -> NamedFile | None:
    """What a word stands for here; None if that is nothing."""
    place = place_of_weights(word, companions)
    path = Path(place.path)
    if not path.exists():
        return None
    folder = path.is_dir()
    beside = [] if folder else [path.with_name(name) for name in companions(path.name)]
    files = files_of(path) if folder else {file.name: file for file in (path, *beside) if file.is_file()}
    alone = not folder and len(files) == 1
    content = content_of(path) if alone else content_of_tree(files, path.name, "." if folder else path.name)
    return NamedFile(word, replace(content, origin=place.origin), path, files)
