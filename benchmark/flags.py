"""The findings of a run's guards on disk: flags with evidence, and what was checked."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import counted, one_line
from .files import UNREADABLE, write_atomic
from .results import ResultError
from .run_folder import RunFolder
from .stored_run import shown

IMAGES, SHOTS = "images", "shots"
"""What a flag is of, where it is of no backbone."""


@dataclass(frozen=True)
class GuardFlag:
    """A warning about contaminated or missing data."""

    of: str
    """`IMAGES`, `SHOTS`, or a backbone."""
    name: str
    text: str
    """One short sentence with numbers and the first few names."""
    evidence: tuple[str, ...] = ()
    """Every case in a line of its own."""


@dataclass(frozen=True)
class GuardResult:
    """What one guard checked, and its flags."""

    checked: str
    flags: tuple[GuardFlag, ...] = ()


@dataclass(frozen=True)
class Findings:
    """All flags of a run, and what was checked."""

    data: str
    """Hash of the images that they looked at."""
    checked: Mapping[str, str]
    """What was looked at, by what it is of."""
    flags: tuple[GuardFlag, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    """Perceptual hashes of the test images and of their mirror images by name, in hexadecimal digits."""

    def of(self, what: str) -> tuple[GuardFlag, ...]:
        return tuple(flag for flag in self.flags if flag.of == what)

    def about(self, backbones: Collection[str]) -> Findings:
        """The same of these backbones alone."""
        chosen = {IMAGES, SHOTS, *backbones}
        checked = {of: what for of, what in self.checked.items() if of in chosen}
        return replace(self, checked=checked, flags=tuple(flag for flag in self.flags if flag.of in chosen))


def file_in(run: Path) -> Path:
    return run / "guards.json"


def write_findings(run: Path, findings: Findings) -> None:
    write_atomic(file_in(run), json.dumps(asdict(findings), indent=1).encode())


def read_findings(run: Path) -> Findings | None:
    """What the guards of a run found, None if they never looked."""
    file = file_in(run)
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        return Findings(
            data=str(record["data"]),
            checked={str(of): str(what) for of, what in record["checked"].items()},
            flags=tuple(_flag(flag) for flag in record["flags"]),
            hashes={str(name): _digits(text) for name, text in record["hashes"].items()},
        )
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        mend = "delete it and run the same command again, which keeps the scores"
        raise ResultError(f"{shown(run)}/{file.name} is damaged ({one_line(error)}); {mend}") from None


def findings_of_scored(run: Path) -> Findings | None:
    """What the guards found, but of backbones without a score: nobody has opened their weights."""
    found = read_findings(run)
    return found and found.about(RunFolder(run).scored_backbones())


def _flag(flag: Mapping[str, Any]) -> GuardFlag:
    return GuardFlag(str(flag["of"]), str(flag["name"]), str(flag["text"]), tuple(map(str, flag["evidence"])))


def _digits(text: str) -> str:
    int(text, 16)  # or it is damaged
    return text


def lines(findings: Findings) -> list[str]:
    """One line per flag, those that differ in their backbone alone together; without flags, what was looked at."""
    groups: dict[tuple[str, str], list[str]] = {}
    for flag in findings.flags:
        groups.setdefault((flag.name, flag.text.removeprefix(f"{flag.of}: ")), []).append(flag.of)
    texts = [f"flag: {name}{_whose(of)}: {text}" for (name, text), of in groups.items()]
    return texts or [f"guards: no flag ({_looked_at(findings)})"]


def _looked_at(findings: Findings) -> str:
    parts = [findings.checked[of] for of in (IMAGES, SHOTS) if of in findings.checked]
    backbones = len(findings.checked) - len(parts)
    return "; ".join([*parts, *([f"pretraining images of {counted(backbones, 'backbone')}"] if backbones else [])])


def _whose(of: Sequence[str]) -> str:
    backbones = [name for name in of if name not in (IMAGES, SHOTS)]
    return f" ({', '.join(backbones)})" if backbones else ""


def some(names: Sequence[str], most: int = 3) -> str:
    """The first few of several, and how many there are beyond."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
