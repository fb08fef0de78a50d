"""How the parts of a run stand with their contracts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from partbench.benchmark.plugins.run_signoffs import line, note, run_signoffs
from partbench.benchmark.plugins.signoff import (
    Signoff,
    Subject,
    list_hash,
    stored,
    write_signoff,
)

SUBJECT = Subject("partbench-foo 1.2", "abcd")


SIGNED = Signoff(
    "backbone", "foo", SUBJECT, "list", "0.1.0", "2030-01-01",
    {"loads": {"word": "passes", "error": None, "reason": None}},
)  # fmt: skip


def test_a_run_knows_how_its_parts_stand(tmp_path: Path) -> None:
    """By its own copy of a sign-off or by this machine's, whichever still holds; a damaged note tells nothing."""
    assert run_signoffs(tmp_path) == []
    current = replace(SIGNED, checks=list_hash("backbone"))
    write_signoff(stored("backbone", "foo"), SIGNED)
    subjects = {"backbone": {"foo": SUBJECT, "bar": SUBJECT}, "head": {"linear": Subject("partbench 0.1.0", None)}}
    note(tmp_path, subjects)
    standings = {one.name: one.standing for one in run_signoffs(tmp_path)}
    unchecked = {"bar": "not checked", "linear": "not checked"}
    assert standings == {"foo": "stale: the list of checks changed since", **unchecked}
    write_signoff(stored("backbone", "foo"), current)
    found = run_signoffs(tmp_path)
    assert {one.name: one.standing for one in found} == {"foo": "checked", **unchecked}
    assert line(found) == "contract: foo: checked; bar, linear: not checked (partbench check NAME)"
    assert line(found[1:]) == "contract: all 2: not checked (partbench check NAME)"
    note(tmp_path, {"backbone": {"foo": SUBJECT}})
    stored("backbone", "foo").write_text("{")
    assert {one.name: one.standing for one in run_signoffs(tmp_path)} == {"foo": "checked", **unchecked}
    (tmp_path / "checks.json").write_text("[")
    assert run_signoffs(tmp_path) == []
