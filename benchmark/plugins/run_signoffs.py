"""The sign-offs of a run's records, from its folder and from this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..files import UNREADABLE, write_atomic
from ..results import ResultError
from .signoff import KEPT, Signoff, Subject, as_record, from_record, list_hash, read_signoff, stored

NOUNS = ("backbone", "head", "dataset")


@dataclass(frozen=True)
class RunSignoff:
    """One record of a run with its sign-off."""

    noun: str
    name: str
    subject: Subject
    standing: str
    """`checked`, `not checked`, or what is to be said; see `Signoff.standing`."""
    signoff: Signoff | None = None


def note(run: Path, crossed: Mapping[str, Mapping[str, Subject]]) -> None:
    """Write down what a run crosses, by noun and name, with the sign-offs that there are; what it held is kept."""
    record = _read(run)
    for noun, subjects in crossed.items():
        for name, subject in subjects.items():
            signoff = _quietly(noun, name, subject)
            entry = {"subject": asdict(subject), "signoff": None if signoff is None else as_record(signoff)}
            record.setdefault(noun, {})[name] = entry
    write_atomic(run / KEPT, json.dumps(record, indent=1).encode())


def run_signoffs(run: Path) -> list[RunSignoff]:
    """The sign-off of every record of a run; empty for a run that noted none."""
    return signoffs_in(_read(run))


def signoffs_in(record: Mapping[str, Mapping[str, Any]]) -> list[RunSignoff]:
    """The sign-off of everything that was noted, by noun and name."""
    hashes = {noun: list_hash(noun) for noun in NOUNS}
    return [
        _best(noun, name, subject, hashes[noun], kept)
        for noun, entries in record.items()
        for name, subject, kept in _entries(noun, entries)
    ]


def line(found: Sequence[RunSignoff]) -> str:
    """All of it in a line: those alike together, and what to do about those that nobody has checked."""
    groups: dict[str, list[str]] = {}
    for one in found:
        groups.setdefault(one.standing, []).append(one.name)
    missing = groups.pop("not checked", [])
    texts = [f"{', '.join(names)}: {standing}" for standing, names in groups.items()]
    if missing:
        named = ", ".join(missing) if texts else f"all {len(missing)}"
        texts.append(f"{named}: not checked (partbench check NAME)")
    return "contract: " + "; ".join(texts)


def _best(noun: str, name: str, subject: Subject, checks: str, kept: Signoff | None) -> RunSignoff:
    """By the sign-off of the run or of this machine, whichever still holds."""
    standings = [
        (one.standing(subject, checks), one) for one in (kept, _quietly(noun, name, subject)) if one is not None
    ]
    standing, signoff = min(standings, key=lambda pair: pair[0].startswith("stale"), default=("not checked", None))
    return RunSignoff(noun, name, subject, standing, signoff)


def _quietly(noun: str, name: str, subject: Subject) -> Signoff | None:
    """The sign-off of this machine; one that was edited counts for nothing."""
    try:
        return read_signoff(stored(noun, name, subject.data))
    except ResultError:
        return None


def _entries(noun: str, entries: Mapping[str, Any]) -> Iterator[tuple[str, Subject, Signoff | None]]:
    for name, entry in entries.items():
        try:
            signoff = None if entry["signoff"] is None else from_record(entry["signoff"], name)
            yield name, Subject(**entry["subject"]), signoff
        except (ResultError, *UNREADABLE):
            yield name, Subject("", None), None


def _read(run: Path) -> dict[str, dict[str, Any]]:
    try:
        record = json.loads((run / KEPT).read_text(encoding="utf-8"))
        return {noun: dict(record[noun]) for noun in NOUNS if noun in record}
    except UNREADABLE:  # not there, or damaged: then nothing is known
        return {}
