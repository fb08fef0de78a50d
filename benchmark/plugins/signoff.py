"""Sign-offs: what `partbench check` found, as a small file that a leaderboard shows and that grows stale.

A sign-off holds for one version of the package that offers a record, for its code, one file of weights and one list of
checks; where any of them is another, it says nothing any more, and is called stale.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from ... import UserError
from ..files import UNREADABLE, cache_folder, write_atomic
from ..plan import file_name
from ..results import ResultError
from ..sealed_files import seal

FORMAT = 1
KEPT = "checks.json"
"""The file of a run that says what was crossed, and what of it was signed off by then."""


@dataclass(frozen=True)
class Subject:
    """What a sign-off is of: exactly this."""

    provider: str
    """Package and version, `partbench-foo 1.2`."""
    weights: str | None
    """Hash of the weights."""
    data: str | None = None
    """Hash of the images and masks."""
    code: str | None = None
    """Hash of the code that makes it what it is."""


@dataclass(frozen=True)
class Signoff:
    """How a record stood every check."""

    noun: str
    name: str
    subject: Subject
    checks: str
    """Hash of the list of checks."""
    partbench: str
    """Version of the partbench that checked."""
    date: str
    outcomes: Mapping[str, Mapping[str, str | None]]
    """By check: `word`, `error` and `reason`, as in `kit.CheckOutcome`."""

    def of(self, word: str) -> tuple[str, ...]:
        """The checks with this outcome."""
        return tuple(name for name, outcome in self.outcomes.items() if outcome["word"] == word)

    @property
    def failing(self) -> tuple[str, ...]:
        """The checks that did not go as the record says."""
        fine = {*self.of("passes"), *self.of("fails as declared")}
        return tuple(name for name in self.outcomes if name not in fine)

    def standing(self, subject: Subject, checks: str) -> str:
        """What it says of a subject under a list of checks: `checked`, or why not, in a few words."""
        for what, ours, theirs in (
            ("the package", self.subject.provider, subject.provider),
            ("the code", self.subject.code, subject.code),
            ("the weights", self.subject.weights, subject.weights),
            ("the data", self.subject.data, subject.data),
            ("the list of checks", self.checks, checks),
        ):
            if ours != theirs:
                changed = f" ({ours}, now {theirs})" if what == "the package" else ""
                return f"stale: {what} changed since{changed}"
        if self.failing:
            return f"fails {', '.join(self.failing)}"
        failures = [f"{name} ({self.outcomes[name]['reason']})" for name in self.of("fails as declared")]
        return f"checked, known to fail {', '.join(failures)}" if failures else "checked"


def list_hash(noun: str) -> str:
    """Tells this list of checks from every other: SHA-256 of its sources, the first 16 digits; nothing is imported."""
    shelf = files(f"partbench.{noun}s")
    room = shelf / "checks"
    modules = [file for file in room.iterdir() if file.name.endswith(".py")] if room.is_dir() else [shelf / "checks.py"]
    texts = [file.read_bytes() for file in sorted(modules, key=lambda file: file.name)]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def stored(noun: str, name: str, data: str | None = None) -> Path:
    """The file of a record's sign-off on this machine; other data of the same name have another."""
    return cache_folder("checks") / f"{noun}-{file_name(name)}{f'-{data}' if data else ''}.json"


def as_record(signoff: Signoff) -> dict[str, Any]:
    """A sign-off as JSON holds it, under a seal that shows whether somebody edited it."""
    record = {"format": FORMAT, **asdict(signoff)}
    return record | {"seal": seal(record)}


def from_record(record: Any, where: str) -> Signoff:
    """The sign-off in a record; `where` names it in the error for one that was edited or is none."""
    try:
        if record["format"] != FORMAT or record["seal"] != seal(record):
            raise UserError("its seal does not fit")
        fields = {key: record[key] for key in ("noun", "name", "checks", "partbench", "date", "outcomes")}
        signoff = Signoff(subject=Subject(**record["subject"]), **fields)
        signoff.failing  # noqa: B018  of outcomes without a word
    except UNREADABLE as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ResultError(f"{where} is no sign-off ({reason}); run partbench check again") from None
    return signoff


def write_signoff(file: Path, signoff: Signoff) -> None:
    write_atomic(file, json.dumps(as_record(signoff), indent=1).encode())


def read_signoff(file: Path) -> Signoff | None:
    """The sign-off in a file, None without the file."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        raise ResultError(f"{file} is no sign-off ({error}); run partbench check again") from None
    return from_record(record, str(file))
