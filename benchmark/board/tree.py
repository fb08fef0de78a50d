"""What lies on a board that should not: links, strays, files that are too large, and what a change may not touch."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from filecmp import cmp
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..plan import HIDDEN
from .layout import DATASET, DEPTH, FILES, LARGEST, MARK, ROOT, files_below, submission_folders

WELCOME = ("README.md", ".gitkeep")
"""What may lie beside the folders of protocols."""


class Problem(NamedTuple):
    """Why a board is refused: where, and what is wrong there."""

    path: str
    text: str

    def __str__(self) -> str:
        return HIDDEN.sub("?", f"{self.path}: {self.text}")


def strays(board: Path) -> Iterator[Problem]:
    """Files among the submissions that belong to none, or are none of a submission's."""
    for file in files_below(board / ROOT):
        path = PurePosixPath(file.relative_to(board).as_posix())
        if file.is_symlink():
            yield Problem(str(path), "is a link; put the file itself there")
        elif not _has_place(path):
            mend = f"a submission has {', '.join(FILES)} and nothing else; take it out"
            yield Problem(str(path), f"belongs to no submission; {mend}")
        elif file.stat().st_size > LARGEST.get(path.name, LARGEST[MARK]):
            limit = LARGEST.get(path.name, LARGEST[MARK])
            yield Problem(str(path), f"has {file.stat().st_size} bytes, where {limit} are allowed; submit less")


def _has_place(path: PurePosixPath) -> bool:
    depth, name = len(path.parts) - 1, path.name
    places = {1: WELCOME, DEPTH - 2: (DATASET,), DEPTH: (*FILES, MARK)}
    return name in places.get(depth, ())


def gaps(board: Path) -> Iterator[Problem]:
    """Submissions without one of their files, and folders without what is known of their images."""
    for folder in submission_folders(board):
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            yield Problem(folder.relative_to(board).as_posix(), f"has no {' and no '.join(missing)}; submit it again")
    for group in sorted((board / ROOT).glob("*/*")):
        if group.is_dir() and not (group / DATASET).is_file():
            yield Problem(group.relative_to(board).as_posix(), f"has no {DATASET}; partbench submit writes it")
        elif group.is_dir() and not any(one.is_dir() for one in group.iterdir()):
            yield Problem(group.relative_to(board).as_posix(), "has no submission; take it out")


def changes(board: Path, main: Path) -> Iterator[Problem]:
    """What of the main board was changed or deleted; whoever submits adds, and adds submissions alone."""
    new, old = ({file.relative_to(base).as_posix() for file in files_below(base)} for base in (board, main))
    altered = [path for path in sorted(old) if path not in new or not _same(board / path, main / path)]
    yield from (_altered(path, path in new) for path in altered if _is_submitted(path))
    added = sorted(new - old)
    if not any(_is_submitted(path) for path in (*altered, *added)):
        return  # a change to the board's own files, which its keepers look at
    for path in sorted({*altered, *added}):
        if not _is_submitted(path):
            yield Problem(path, "is no submission; send it as a pull request of its own")
    yield from _additions(added, main)


def _additions(added: Collection[str], main: Path) -> Iterator[Problem]:
    """What may not be added: a file to a submission that is there, or a mark."""
    for path in filter(_is_submitted, added):
        place = PurePosixPath(path)
        if place.name == MARK:
            yield Problem(path, "is a mark that only the keepers of a board set; take it out")
        elif place.name in FILES and (main / place.parent).is_dir():
            yield Problem(path, "is added to a submission that is there already; submit anew")


def _altered(path: str, there: bool) -> Problem:
    what = "was changed" if there else "was deleted"
    return Problem(path, f"{what}, and a board is only added to; put back what the main board has")


def _is_submitted(path: str) -> bool:
    return path.startswith(f"{ROOT}/")


def _same(one: Path, other: Path) -> bool:
    links = one.is_symlink() or other.is_symlink()
    return one.is_symlink() == other.is_symlink() and (links or cmp(one, other, shallow=False))
