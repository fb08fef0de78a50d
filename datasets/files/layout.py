"""Finds the folders and files of a published download, tolerant of spelling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..dataset import DatasetError


def check_root(path: Path, what: str, landmarks: Sequence[str]) -> None:
    """Raise unless one of the landmarks lies in the folder; a folder one level off is named in the error."""
    if not path.is_dir():
        raise DatasetError(f"there is no folder {path}; say where {what} lies")
    if any(alike(path, landmark) for landmark in landmarks):
        return
    near = [path.parent, *sorted(child for child in path.iterdir() if child.is_dir())]
    right = next((place for place in near if any((place / landmark).exists() for landmark in landmarks)), None)
    fact = f"{path} holds no {landmarks[0]}"
    if (path / "images").is_dir() and (path / "masks").is_dir():
        raise DatasetError(f"{fact}, but images/ and masks/; read it as folder:{path}")
    if right is None:
        raise DatasetError(f"{fact}; give the folder into which {what} was unpacked")
    raise DatasetError(f"{fact}, but {right} does; give {right}")


def find_place(root: Path, name: str, what: str) -> Path:
    """The file or folder of this name; one spelled a little otherwise (`A_b` for `a-b`) is named in the error."""
    if (root / name).exists():
        return root / name
    fact = f"there is no {root / name}"
    other = alike(root, name)
    if other is not None:
        raise DatasetError(f"{fact}, but there is {other.name}; rename it to {name}")
    raise DatasetError(f"{fact}; put {what} there")


def alike(root: Path, name: str) -> Path | None:
    """What lies in the folder under this name, or under one with the same letters and digits."""
    return next((entry for entry in sorted(root.iterdir()) if _letters(entry.name) == _letters(name)), None)


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
