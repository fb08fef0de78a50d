"""Where everything of a board lies: `submissions/PROTOCOL/DATASET@HASH/BACKBONE@WEIGHTS/NAME-DATE/`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ... import UserError
from ..plan import file_name

FORMAT = 1
"""Raised whenever the files of a submission change their meaning."""
ROOT = "submissions"
DATASET = "dataset.json"
"""What is known of the images of one protocol, beside the submissions that they scored."""
HEAD, CELLS, CARD = "submission.json", "cells.zip", "README.md"
FILES = (CARD, CELLS, HEAD)
"""What a submission consists of."""
MARK = "reproduced.json"
"""What `partbench board rerun` adds to a submission."""
NONE = "none"
"""Stands for the hash of weights where there are none, or none is known."""
LARGEST = {HEAD: 2**20, CARD: 2**18, CELLS: 2**25, MARK: 2**16, DATASET: 2**24}
"""Bytes that a file may have."""
SUBMITTER = re.compile(r"(?=.{1,39}$)[a-z0-9]+(-[a-z0-9]+)*")
"""As a name on GitHub, in lower case."""
DATE = re.compile(r"\d{4}-\d\d-\d\d")
DEPTH = 5
"""Folders from the root of a board to the files of a submission."""


class BoardError(UserError):
    """What a board cannot take or give, in one sentence: the fact, the culprit, the mend."""


def protocol_name(protocol: int, plan: str) -> str:
    """The folder of all that may be compared: the number of the protocol, and the hash of what cells share."""
    return f"{protocol}-{plan}"


def at(name: str, digest: str | None) -> str:
    """A name with its hash as a part of a path."""
    return f"{file_name(name)}@{digest or NONE}"


def submission_path(protocol: str, dataset: str, backbone: str, by: str, date: str) -> PurePosixPath:
    """Where a submission lies on its board."""
    return PurePosixPath(ROOT, protocol, dataset, backbone, f"{by}-{date}")


def require_board(folder: Path) -> Path:
    """The folder, if it is a board."""
    if not (folder / ROOT).is_dir():
        raise BoardError(f"{folder} is no board (no {ROOT}/); make one with partbench board new")
    return folder


def is_board(folder: Path) -> bool:
    """Whether a folder is a board's, and not a run's."""
    return (folder / ROOT).is_dir() and not (folder / "plan.json").exists()


def files_below(folder: Path) -> Iterator[Path]:
    """Every file and link of a folder in order, and every folder that is empty; no link is followed, no .git read."""
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        links = [name for name in folders if Path(base, name).is_symlink()]
        yield from (Path(base, name) for name in sorted([*files, *links]))
        folders[:] = [name for name in folders if name not in links]


def submission_folders(board: Path) -> list[Path]:
    """The folders of all submissions of a board, in order."""
    return sorted(folder for folder in (board / ROOT).glob("*/*/*/*") if folder.is_dir())


ABSOLUTE = re.compile(r"""(?:^|(?<=[\s"'(\[=,;:@]))(?:file://+|/(?=[^\s/])|~/|[A-Za-z]:[\\/](?!/))[^\s"',;)\]]*""")
"""A path of somebody's machine in a text; no address of the web."""


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield str(key)
            yield from texts_in(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from texts_in(one)
