"""Writes submissions onto a board; nothing that is there is touched."""

from __future__ import annotations

from pathlib import Path

from ..files import write_atomic
from .from_run import Submissions
from .layout import DATASET, ROOT, BoardError
from .submission import Submission

Files = dict[Path, bytes]
"""What is to be written, by its place on the board."""


def files_of(made: Submissions, board: Path) -> list[tuple[Submission, Files]]:
    """What of each submission is not there yet; a file that is there and another is refused."""
    found, planned = list[tuple[Submission, Files]](), set[Path]()
    for submission in made.found:
        files = {Path(submission.path) / name: data for name, data in submission.files().items()}
        files[Path(ROOT, *submission.group, DATASET)] = made.dataset.as_bytes()
        for path, data in files.items():
            if (board / path).exists() and (board / path).read_bytes() != data:
                raise BoardError(_clash(path))
        new = {path: data for path, data in files.items() if path not in planned and not (board / path).exists()}
        found.append((submission, new))
        planned |= files.keys()
    return found


def _clash(path: Path) -> str:
    if path.name == DATASET:
        return f"the board knows other pixels of the images of {path.parent.name} than this run; one of both is wrong"
    return f"{path.parent} is there already and says other; a board is only added to: submit under another --by"


def write(board: Path, files: Files) -> None:
    """Write files onto a board."""
    for path, data in files.items():
        write_atomic(board / path, data)
