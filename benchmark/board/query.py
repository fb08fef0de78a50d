"""A board, or a part of it, where a run is taken: `BOARD`, or `BOARD#dataset=faces,backbone=stylegan2*,shots=1,10`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ... import one_line
from ..files import UNREADABLE
from .layout import HEAD, BoardError, is_board, require_board, submission_folders
from .submission import read_json

Record = Mapping[str, Any]
"""What a `submission.json` holds."""


def _dataset(record: Record, folder: Path) -> list[str]:
    return [record["plan"]["dataset"], folder.parents[1].name]


def _protocol(record: Record, folder: Path) -> list[str]:
    return [folder.parents[2].name, str(record["protocol"])]


FIELDS: Mapping[str, Callable[[Record, Path], list[str]]] = {
    "dataset": _dataset,
    "protocol": _protocol,
    "backbone": lambda record, folder: [record["plan"]["backbones"][0], folder.parents[0].name],
    "head": lambda record, _: [row["head"] for row in record["scores"]],
    "shots": lambda record, _: [str(row["shots"]) for row in record["scores"]],
    "submitter": lambda record, _: [record["by"]],
}
"""What can be asked for, and what a submission has of it; a pattern need match one. Names come first."""
ONE_NAME = ("dataset", "protocol", "backbone")
"""Fields whose other values are the same thing with its hash."""


@dataclass(frozen=True)
class BoardQuery:
    """Which submissions of a board are meant, and which of their heads and shots."""

    board: Path
    wanted: Mapping[str, tuple[str, ...]]
    """Patterns by field; one of each field has to match."""

    def select(self) -> list[tuple[Path, Record]]:
        """The submissions that are meant, with what they say; their cells are not read."""
        every = [(folder, _read(folder)) for folder in submission_folders(require_board(self.board))]
        if not every:
            raise BoardError(f"{self.board} has no submission yet; write one with partbench submit")
        for field, patterns in self.wanted.items():
            self._require(field, patterns, every)
        found = [(folder, record) for folder, record in every if self._means(record, folder)]
        if not found:
            asked = ", ".join(f"{field}={','.join(patterns)}" for field, patterns in self.wanted.items())
            raise BoardError(f"no submission of {self.board} has all of {asked}; ask for less")
        return found

    def keeps(self, head: str, shots: int) -> bool:
        """Whether the cells of a head and number of shots are meant."""
        return self._matches("head", [head]) and self._matches("shots", [str(shots)])

    def _means(self, record: Record, folder: Path) -> bool:
        whole = all(self._matches(field, FIELDS[field](record, folder)) for field in self.wanted)
        return whole and any(self.keeps(row["head"], row["shots"]) for row in record["scores"])

    def _matches(self, field: str, values: Sequence[str]) -> bool:
        patterns = self.wanted.get(field)
        return patterns is None or any(_match(value, pattern) for value in values for pattern in patterns)

    def _require(self, field: str, patterns: Sequence[str], every: Sequence[tuple[Path, Record]]) -> None:
        """Every pattern means something of this board."""
        values = [FIELDS[field](record, folder) for folder, record in every]
        for pattern in patterns:
            if not any(_match(value, pattern) for own in values for value in own):
                shown = (own[:1] if field in ONE_NAME else own for own in values)
                there = ", ".join(dict.fromkeys(value for own in shown for value in own))
                raise BoardError(f"no submission of {self.board} has {field} '{pattern}'; there are {there}")


def _match(value: str, pattern: str) -> bool:
    return value == pattern or fnmatchcase(value, pattern)


def _read(folder: Path) -> Record:
    try:
        record: Record = read_json(folder / HEAD)
        for values in FIELDS.values():
            values(record, folder)
    except UNREADABLE as error:
        raise BoardError(f"{folder / HEAD} is damaged ({one_line(error)}); see partbench board check") from None
    return record


def parse_query(path: Path) -> BoardQuery | None:
    """The board that is meant by what stands where a run is taken; None of a run."""
    text = str(path)
    if path.exists() or "#" not in text:
        return BoardQuery(path, {}) if is_board(path) else None
    board, _, rest = text.partition("#")
    return BoardQuery(require_board(Path(board)), _fields(rest))


def _fields(text: str) -> dict[str, tuple[str, ...]]:
    """`dataset=faces,shots=1,10` as patterns by field: what has no field belongs to that before."""
    found: dict[str, tuple[str, ...]] = {}
    for field, value in _pairs(text):
        if field not in FIELDS:
            raise BoardError(
                f"a board is not asked by '{field}'; choose {', '.join(FIELDS)}, as #dataset=faces,shots=10"
            )
        found[field] = (*found.get(field, ()), value)
    return found


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    field = ""
    for part in text.split(","):
        name, mark, value = part.partition("=")
        field = name.strip() if mark else field
        yield field or part, (value if mark else part).strip()
