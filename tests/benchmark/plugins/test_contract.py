"""The kit signs off what a record keeps of its contract, and a leaderboard knows which sign-offs still hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch.nn.functional as F
from typer.testing import CliRunner

from partbench.backbones.backbone import Backbone
from partbench.backbones.checks import CHECKS
from partbench.benchmark.cli.main import app
from partbench.benchmark.plugins.contract import CheckOutcome, cases, checks_for, examine
from partbench.benchmark.plugins.run_signoffs import line, note, run_signoffs
from partbench.benchmark.plugins.signoff import (
    Signoff,
    Subject,
    as_record,
    from_record,
    list_hash,
    read_signoff,
    stored,
    write_signoff,
)
from partbench.benchmark.results import ResultError

REASON = "its maps are printed mirrored"
SUBJECT = Subject("partbench-foo 1.2", "abcd")
SIGNED = Signoff(
    "backbone", "foo", SUBJECT, "list", "0.1.0", "2030-01-01",
    {"loads": {"word": "passes", "error": None, "reason": None}},
)  # fmt: skip
PLUGIN = """
import partbench
from partbench.backbones.backbone import Backbone

def load():
    import torch.nn.functional as F
    return lambda images: [F.avg_pool2d(images, 2){end}]

@partbench.hookimpl
def partbench_backbones():
    yield Backbone("mirror", 32, (3,), load, known_failures={known})
"""


def mirrored(**changes: Any) -> Backbone:
    """A backbone whose maps are the wrong way round."""
    return Backbone("mirror", 32, (3,), lambda: lambda images: [F.avg_pool2d(images, 2).flip(3)], **changes)


KNOWN = {"aligned": REASON, "shift": REASON}


def words(backbone: Backbone) -> dict[str, str]:
    return {outcome.check: outcome.word for outcome in examine(backbone) if outcome.word != "passes"}


def test_a_failure_is_declared_with_its_reason() -> None:
    """Then it is as good as passing; undeclared it fails, and a declared one that passes is named."""
    assert words(mirrored()) == {"aligned": "fails", "shift": "fails"}
    told = list(examine(mirrored(known_failures=KNOWN)))
    assert [o.check for o in told] == [check.__name__.removeprefix("check_") for check in CHECKS]
    assert all(o.good for o in told)
    assert [(o.check, o.reason) for o in told if o.word == "fails as declared"] == list(KNOWN.items())
    assert words(mirrored(known_failures=KNOWN | {"maps": "?"}))["maps"] == "passes, but is declared to fail"


def test_a_declaration_that_says_nothing_is_refused() -> None:
    """Of a check that is none, or without a reason."""
    outcomes = list(examine(mirrored(known_failures=KNOWN | {"algned": "?", "shift": " "})))
    bad = {o.check: o.error for o in outcomes if not o.good}
    assert str(bad["algned"]).startswith("there is no check 'algned' to be known to fail; the checks are import, loads")
    assert bad["shift"] == "mirror is declared to fail shift without a reason; write why"
    assert all(not o.good for o in outcomes if o.check == "algned")


def test_the_checks_are_a_test_of_three_lines() -> None:
    """One case per record and check; a known failure is one that must fail, with its reason."""
    found = cases([mirrored(), mirrored(known_failures=KNOWN)])
    assert len(found) == 2 * len(checks_for(mirrored()))
    marks = {case.id: [mark.kwargs for mark in case.marks] for case in found[len(CHECKS) :]}
    assert marks["mirror-aligned"] == [{"reason": REASON, "strict": True}]
    assert marks["mirror-maps"] == [] and not any(case.marks for case in found[: len(CHECKS)])
    check, record = found[0].values
    check(record)


def test_a_record_can_still_be_told_from_another() -> None:
    """Known failures are no part of its hash, and two records that differ in them alone are not the same."""
    assert hash(mirrored()) is not None
    one = mirrored()
    assert one != replace(one, known_failures=KNOWN)


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


def test_every_source_of_the_list_counts() -> None:
    """The hash is that of files that are there, another one for each shelf."""
    assert len({list_hash(noun) for noun in ("backbone", "head", "dataset")}) == 3


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


@pytest.fixture
def call() -> Callable[..., Any]:
    """The command line in a folder with a plugin of its own."""

    def call(*arguments: str, end: str = "", known: object = None) -> Any:
        Path("partbench_plugins.py").write_text(PLUGIN.format(end=end, known=known or {}))
        return CliRunner().invoke(app, arguments)

    return call


RUN = ("run", "--backbone", "mirror", "--head", "linear", "--shots", "1", "--draws", "1", "--test", "2", "--pool", "4")


def test_a_leaderboard_shows_who_keeps_the_contract(call: Callable[..., Any], tmp_path: Path) -> None:
    """Not checked, checked, with a known failure, failing: told under it, by --checks, and in the report's facts."""
    plan = (*RUN, "--size", "32", "--out", "run")
    assert "contract: all 3: not checked" in call(*plan).output
    done = call("check", "mirror", "--out", "signed.json")
    assert done.exit_code == 0, done.output
    assert "shift                passes" in done.output and "signed off in signed.json" in done.output
    assert json.loads(Path("signed.json").read_text())["subject"]["provider"] == "partbench_plugins.py"
    told = call("leaderboard", "run").output
    assert "contract: mirror: checked; linear, faces: not checked (partbench check NAME)" in told
    failed = call("check", "mirror", end=".flip(3)")
    assert failed.exit_code == 1 and "aligned              fails  mirror answers a change" in failed.output
    assert "contract: mirror: fails aligned, shift; linear" in call("leaderboard", "run").output
    known = call("check", "mirror", end=".flip(3)", known=KNOWN)
    assert known.exit_code == 0 and f"known: {REASON}" in known.output
    (found,) = json.loads(call("leaderboard", "run", "--checks", "--format", "json").stdout)
    standing = f"checked, known to fail aligned ({REASON}), shift ({REASON})"
    assert [(one["name"], one["standing"]) for one in found["checks"]] == [
        ("mirror", standing), ("linear", "not checked"), ("faces", "not checked"),
    ]  # fmt: skip
    assert standing in " ".join(call("leaderboard", "run", "--checks").output.split())
    assert "| backbone | mirror |" in call("leaderboard", "run", "--checks", "--format", "md").output


def test_one_file_takes_one_signoff(call: Callable[..., Any]) -> None:
    """A pattern of several names with --out is refused before anything is checked."""
    done = call("check", "mlp-*", "--out", "signed.json")
    assert "--out takes one sign-off, and 'mlp-*' is 2 names; check them one by one" in str(done.exception)
    assert not Path("signed.json").exists()


def test_an_outcome_is_good_where_it_is_as_declared() -> None:
    """In all four ways."""
    cases_of = {(e, r): CheckOutcome("maps", e, r).good for e in (None, "bad") for r in (None, "known")}
    assert cases_of == {(None, None): True, ("bad", None): False, (None, "known"): False, ("bad", "known"): True}
