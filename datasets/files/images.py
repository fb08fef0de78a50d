"""Pictures without masks: a folder, a zip or several of them, read as one split for pretraining."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from ..dataset import CROP, DatasetError
from .decoding import decode, unreadable
from .fit import square
from .listing import composed, files_below, left_out
from .unpacking import unzipped

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
"""Endings of the files that are read as pictures, in lower case."""


def is_picture(name: str) -> bool:
    """Whether a file of this name is a picture, and not a hidden twin such as macOS leaves in zips."""
    base = name.rsplit("/", 1)[-1]
    return base.lower().endswith(SUFFIXES) and not base.startswith(".")


class _Directory:
    """A folder of pictures, searched through all its subfolders."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self) -> list[str]:
        return files_below(self.path)

    def holds(self, name: str) -> bool:
        return (self.path / name).is_file()

    def decode(self, name: str) -> Image.Image:
        return decode(self.path / name, str(self.path / name))


class _Archive:
    """A zip of pictures, opened at the first read of each process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: zipfile.ZipFile | None = None
        self._process = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_file": None, "_process": 0}

    def files(self) -> list[str]:
        try:
            with zipfile.ZipFile(self.path) as file:
                return sorted(name for name in file.namelist() if not name.endswith("/"))
        except (OSError, zipfile.BadZipFile) as error:
            kinds = f"give pictures that end in {', '.join(SUFFIXES)}"
            raise DatasetError(f"{self.path} cannot be read as a zip ({error}); pack it again, or {kinds}") from error

    def holds(self, name: str) -> bool:
        return True

    def decode(self, name: str) -> Image.Image:
        label = f"{self.path}/{name}"
        try:
            data = unzipped(self._opened(), name)
        except Exception as error:  # truncated, encrypted or compressed in a way that zipfile lacks
            raise unreadable(label, error) from error
        return decode(BytesIO(data), label)

    def _opened(self) -> zipfile.ZipFile:
        # A forked worker shares the parent's file position, so that both would read garbage.
        if self._file is None or self._process != os.getpid():
            self._file, self._process = zipfile.ZipFile(self.path), os.getpid()
        return self._file


class ImageFolder:
    """A split of pictures without masks, from a folder, a zip, or a list of them; a name is the path inside.

    Each picture is made square by its `fit` and resized (bilinear, antialiased).
    """

    def __init__(self, sources: str | Path | Sequence[str | Path], fit: str = CROP) -> None:
        self.fit = fit
        paths = [sources] if isinstance(sources, str | Path) else list(sources)
        if not paths:
            raise DatasetError("no folder or zip of pictures was given; give at least one")
        opened = [_source(Path(path)) for path in paths]
        listed = [(source, *_list(source)) for source in opened]
        self._pictures = [(source, name) for source, names, _ in listed for name in names]
        self._names = [_name(source, name, alone=len(opened) == 1) for source, name in self._pictures]
        self.notes = tuple(note for _, _, notes in listed for note in notes)
        """What of the folders and zips is no picture that is read, in sentences with counts."""
        _check_unique(self._names)

    def __len__(self) -> int:
        return len(self._pictures)

    def name(self, index: int) -> str:
        """The path inside the folder or zip; with several sources, after the name of its own."""
        return self._names[index]

    def files(self, index: int) -> tuple[Path, ...]:
        """The picture's file, or the zip that it lies in."""
        source, name = self._pictures[index]
        return (source.path / name if isinstance(source, _Directory) else source.path,)

    def picture(self, index: int) -> Image.Image:
        """The whole picture at its own size, upright RGB."""
        source, name = self._pictures[index]
        return source.decode(name)

    def inspect(self, index: int) -> None:
        """Decode the whole picture at `index`; a `DatasetError` names one that is broken."""
        self.picture(index)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The pictures at `indices`, (N, 3, size, size) float32 in [0, 1]."""
        images = torch.empty(len(indices), 3, size, size)
        for row, index in enumerate(indices):
            images[row] = square(self.picture(index), size, self.fit)
        return images

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Nothing: these pictures have no masks, and asking for them is a `DatasetError`."""
        source = self._pictures[0][0].path
        raise DatasetError(f"the pictures of {source} have no masks; draw shots and test images from a labelled split")


def _source(path: Path) -> _Directory | _Archive:
    if path.is_dir():
        return _Directory(path)
    if path.is_file():
        return _Archive(path)
    raise DatasetError(f"there is no folder or zip {path}; mend the path")


def _list(source: _Directory | _Archive) -> tuple[list[str], tuple[str, ...]]:
    """The pictures of a source, and what is said of its other files."""
    files = source.files()
    names = [name for name in files if is_picture(name) and source.holds(name)]
    notes = left_out(source.path, files, set(names))
    if not names:
        found = f" ({notes[0]})" if notes else ""
        raise DatasetError(f"no picture was found in {source.path}{found}; put jpg, png or webp files there")
    return names, notes


def _name(source: _Directory | _Archive, name: str, alone: bool) -> str:
    return composed(name if alone else f"{source.path.name}/{name}")


def _check_unique(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DatasetError(f"two pictures are called {twice[0]}; give each folder or zip once, or rename one")
