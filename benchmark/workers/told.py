"""What workers elsewhere say of a run: a file for each in its folder, which whoever started them reads."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..plan import Cell
from ..reporter import Listener
from ..results import ResultError
from ..run_folder import RunFolder

FOLDER = "told"
"""Of a run, with a folder for everyone who waits for workers elsewhere, until they are done."""
BEGAN = "began"
"""What a worker says first, of itself; all else that it says is for the reporter."""


@dataclass(frozen=True)
class ToldFile:
    """Where a worker says it: the end of a pipe, which any shared disk is."""

    file: Path

    def send(self, message: tuple[str, tuple[Any, ...]]) -> None:
        """Add a line; of a result it has the cell, which lies in the run's folder by now."""
        event, facts = message
        line = json.dumps([event, [asdict(facts[0].cell)] if event == "cell_finished" else facts])
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")


@dataclass
class Ears:
    """Hears what workers elsewhere say, and tells a reporter."""

    run: RunFolder
    reporter: Listener
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    """Of this hearer and no other: what workers of others say is theirs."""
    _read: dict[Path, int] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.run.path / FOLDER / self.token

    def file(self, number: int) -> Path:
        """Where the worker of this number says what it does."""
        return self.folder / f"{number}.jsonl"

    def listen(self, numbers: Iterable[int]) -> Iterator[tuple[int, list[Any]]]:
        """Tell what these workers say that is new; gives those that have begun, with what they say of themselves."""
        for number in numbers:
            for event, facts in self._lines(self.file(number)):
                if event == BEGAN:
                    yield number, facts
                else:
                    self._tell(event, facts)

    def forget(self, number: int) -> None:
        """Listen no more to a worker that has ended."""
        self._read.pop(self.file(number), None)
        self.file(number).unlink(missing_ok=True)

    def _lines(self, file: Path) -> Iterator[tuple[str, list[Any]]]:
        """The lines that are new, and whole; none of a worker that has said nothing yet."""
        if not file.exists():
            return
        with file.open("rb") as lines:
            lines.seek(self._read.get(file, 0))
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                self._read[file] = self._read.get(file, 0) + len(line)
                yield json.loads(line)

    def _tell(self, event: str, facts: list[Any]) -> None:
        if event != "cell_finished":
            getattr(self.reporter, event)(*facts)
            return
        try:
            result = self.run.read(Cell(**facts[0]))
        except ResultError as error:
            self.reporter.problem(str(error))
            return
        if result is not None:
            self.reporter.cell_finished(result)

    def close(self) -> None:
        """Forget what was said."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.is_dir() and not any(self.folder.parent.iterdir()):
            self.folder.parent.rmdir()
