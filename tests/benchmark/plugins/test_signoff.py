"""A sign-off: what was checked, when, of which package and weights, and whether it still holds."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import partbench
from partbench.benchmark.plugins.signoff import (
    Signoff,
    Subject,
    as_record,
    from_record,
    list_hash,
    read_signoff,
    write_signoff,
)
from partbench.benchmark.results import ResultError

REASON = "its maps are printed mirrored"


SUBJECT = Subject("partbench-foo 1.2", "abcd")


SIGNED = Signoff(
    "backbone", "foo", SUBJECT, "list", "0.1.0", "2030-01-01",
    {"loads": {"word": "passes", "error": None, "reason": None}},
)  # fmt: skip


@pytest.mark.parametrize(
    ("subject", "checks", "standing"),
    [
        (SUBJECT, "list", "checked"),
        (Subject("partbench-foo 1.3", "abcd"), "list",
         "stale: the package changed since (partbench-foo 1.2, now partbench-foo 1.3)"),
        (Subject("partbench-foo 1.2", "efgh"), "list", "stale: the weights changed since"),
        (Subject("partbench-foo 1.2", None), "list", "stale: the weights changed since"),
        (SUBJECT, "another", "stale: the list of checks changed since"),
    ],
)  # fmt: skip
def test_a_signoff_holds_for_what_was_checked(subject: Subject, checks: str, standing: str) -> None:
    """Another version, other weights or another list of checks make it stale."""
    assert SIGNED.standing(subject, checks) == standing


def test_a_signoff_says_what_failed() -> None:
    """What fails and what is known to."""
    outcomes = {"maps": {"word": "fails", "error": "it does", "reason": None}}
    assert replace(SIGNED, outcomes=outcomes).standing(SUBJECT, "list") == "fails maps"
    outcomes = {"aligned": {"word": "fails as declared", "error": "it does", "reason": REASON}}
    assert replace(SIGNED, outcomes=outcomes).standing(SUBJECT, "list") == f"checked, known to fail aligned ({REASON})"


def test_a_signoff_is_a_file(tmp_path: Path) -> None:
    """Read back as it was; one that was edited, or is none, is refused by name."""
    file = tmp_path / "foo.json"
    assert read_signoff(file) is None
    write_signoff(file, SIGNED)
    assert read_signoff(file) == SIGNED
    file.write_text(file.read_text().replace("passes", "fails"))
    with pytest.raises(ResultError, match=r"foo.json is no sign-off \(its seal does not fit\); run partbench check"):
        read_signoff(file)
    for text in ("", "[]", "{}"):
        file.write_text(text)
        with pytest.raises(ResultError, match=r"foo\.json is no sign-off"):
            read_signoff(file)
    record = as_record(SIGNED)
    assert from_record(json.loads(json.dumps(record)), "foo") == SIGNED


@pytest.mark.parametrize("noun", ["backbone", "head", "dataset"])
def test_every_source_of_the_list_counts(noun: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash is that of all modules with checks of a shelf: each changes it, a new one too, and no other file."""
    ours, shelf = list_hash(noun), tmp_path / "shelf"
    shutil.copytree(Path(partbench.__file__).parent / f"{noun}s", shelf)
    monkeypatch.setattr(
        "partbench.benchmark.plugins.signoff.files", lambda package: {f"partbench.{noun}s": shelf}[package]
    )
    checks = sorted((shelf / "checks").glob("*.py")) or [shelf / "checks.py"]
    (shelf / f"{noun}.py").write_text("# another")
    (checks[0].parent / "notes.md").write_text("no module")
    assert list_hash(noun) == ours
    found = {ours}
    for file in checks:
        file.write_text(file.read_text() + "# changed")
        found.add(list_hash(noun))
    if len(checks) > 1:
        (shelf / "checks" / "zeal.py").write_text("")
        found.add(list_hash(noun))
    assert len(found) == 1 + len(checks) + (len(checks) > 1)


def test_each_shelf_has_a_list_of_its_own() -> None:
    """The checks of one say nothing of another."""
    assert len({list_hash(noun) for noun in ("backbone", "head", "dataset")}) == 3
