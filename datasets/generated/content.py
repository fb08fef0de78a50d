"""The content of images, masks and codes, by which an export knows them again, since a name says nothing of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ..dataset import DatasetError
from ..files.decoding import decode
from ..files.hints import enumeration
from ..files.masks import Labels, read_labels


def image_content(file: Path) -> str:
    """A hash of an image as it is read: to save it once more in another way changes nothing."""
    image = decode(file, str(file))
    return _digest(f"{image.width}x{image.height} ".encode() + image.tobytes())


def labels_content(labels: Labels) -> str:
    """A hash of a mask (height, width)."""
    return _digest(f"{labels.shape[1]}x{labels.shape[0]} ".encode() + labels.astype(np.int64).tobytes())


def mask_content(file: Path) -> str:
    """A hash of the mask in a file."""
    return labels_content(read_labels(file))


def file_content(file: Path) -> str:
    """A hash of a file's bytes."""
    return _digest(file.read_bytes())


def check_contents(
    folder: Path, contents: Mapping[str, str], what: str, read: Callable[[Path], str], mend: str
) -> None:
    """Refuse files of a folder that are gone or not what they were: `contents` are their hashes by their names."""
    gone = [name for name in contents if not (folder / name).is_file()]
    if gone:
        raise DatasetError(f"there is no {folder / gone[0]}, which the manifest names; put it back, or {mend}")
    other = [name for name, content in contents.items() if read(folder / name) != content]
    if other:
        fact = f"{len(other)} of {len(contents)} {what} ({enumeration(other)})"
        raise DatasetError(f"{folder} has other content than its manifest says: {fact}; put it back, or {mend}")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
