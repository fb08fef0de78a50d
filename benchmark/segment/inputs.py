"""Finds the pictures to segment in files, folders and zips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image

from ...datasets.files.decoding import decode
from ...datasets.files.images import ImageFolder, is_picture
from .model import SegmenterError

VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".gif")
"""Endings of the files that are read as videos, in lower case."""


@dataclass(frozen=True)
class InputPicture:
    """A picture that is read when it is needed."""

    name: str
    """Where its results go: a relative path without an ending, of no other picture."""
    label: str
    """What it is called where it cannot be read."""
    read: Callable[[], Image.Image]


def is_video(path: Path) -> bool:
    """Whether a file of this name is a video."""
    return path.suffix.lower() in VIDEOS


def find_pictures(paths: Sequence[Path]) -> tuple[list[InputPicture], tuple[str, ...]]:
    """All pictures of these files, folders and zips, in their order; and what of these is left out."""
    notes: list[str] = []
    found: list[tuple[str, str, Callable[[], Image.Image]]] = []
    for path in paths:
        if path.is_file() and is_picture(path.name):
            found.append((path.name, str(path), partial(decode, path, str(path))))
            continue
        folder = ImageFolder(path)
        notes += folder.notes
        found += [(folder.name(i), f"{path}/{folder.name(i)}", partial(folder.picture, i)) for i in range(len(folder))]
    names = _names([name for name, _, _ in found])
    return [InputPicture(name, label, read) for name, (_, label, read) in zip(names, found, strict=True)], tuple(notes)


def _names(files: Sequence[str]) -> list[str]:
    """Names for results: without the ending, unless two would then be the same; never outside of their folder."""
    safe = [PurePosixPath(*(part for part in PurePosixPath(file).parts if part not in ("/", ".."))) for file in files]
    short = [str(path.with_suffix("")) for path in safe]
    twice = {name for name, count in Counter(name.lower() for name in short).items() if count > 1}
    names = [str(path) if name.lower() in twice else name for path, name in zip(safe, short, strict=True)]
    same = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if same:
        raise SegmenterError(f"two pictures are called {same[0]}; segment their folders one after the other")
    return names
