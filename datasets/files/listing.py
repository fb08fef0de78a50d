"""What of a folder or zip is read and what is left out: counted, so that nothing goes without a word."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

PICTURES = (
    *(".arw", ".avif", ".bmp", ".cr2", ".dng", ".exr", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif", ".jp2"),
    *(".jpe", ".jpeg", ".jpg", ".jxl", ".nef", ".npy", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".psd"),
    *(".raw", ".svg", ".tga", ".tif", ".tiff", ".webp"),
)
"""Endings of what somebody may take for a picture, whether we read it or not."""
_LITTER = ("thumbs.db", "desktop.ini")


def composed(name: str) -> str:
    """A name in the normal form C: macOS writes the accent of an e as a character of its own, other systems do not."""
    return unicodedata.normalize("NFC", name)


def files_below(folder: Path) -> list[str]:
    """The path of every file below a folder, sorted; a link to a folder is named and not followed."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if _is_leaf(path))


def left_out(
    place: Path, names: Iterable[str], read: Collection[str], what: str = "pictures", inside: bool = True
) -> tuple[str, ...]:
    """A sentence with the count of what is not read among the files of a folder or zip; none where all is read.

    `what` they are taken for is said of those that end as pictures do. Files in subfolders count by that alone
    unless they are read as well (`inside`).
    """
    left = [name for name in names if name not in read and not _is_litter(name)]
    meant = Counter(_kind(place, name, inside) for name in left if _is_meant(place, name))
    other = Counter(_kind(place, name, inside) for name in left if not _is_meant(place, name))
    if not left:
        return ()
    count, missed = len(read), meant.total()
    fact = f"{place}: {count + missed} {what}, {count} read"
    fact += f"; {missed} left out: {_counts(meant)}" if missed else ""
    return (fact + (f"; other files: {_counts(other)}" if other else ""),)


def _is_leaf(path: Path) -> bool:
    return path.is_symlink() or not path.is_dir()


def _is_litter(name: str) -> bool:
    """Whether a file is what systems and editors leave: hidden and no picture, or the hidden twin of one."""
    folders, _, base = name.rpartition("/")
    hidden = base.startswith(".") or any(part.startswith(".") or part == "__MACOSX" for part in folders.split("/"))
    return base.lower() in _LITTER or base.startswith("._") or (hidden and not name.lower().endswith(PICTURES))


def _is_meant(place: Path, name: str) -> bool:
    return name.lower().endswith(PICTURES) or (place / name).is_dir()


def _kind(place: Path, name: str, inside: bool) -> str:
    """What is said of a file that is left out."""
    base, file = name.rsplit("/", 1)[-1], place / name
    if "/" in name and not inside:
        return "in subfolders"
    if file.is_symlink():
        return "linked folders" if file.is_dir() else "broken links" if not file.exists() else Path(base).suffix.lower()
    return "hidden" if base.startswith(".") else Path(base).suffix.lower() or "without ending"


def _counts(kinds: Counter[str]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
