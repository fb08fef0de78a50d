"""The kit: what a record keeps of its contract, check by check, and what it says that it does not keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch.nn.functional as F

from partbench.backbones.backbone import Backbone
from partbench.backbones.checks import CHECKS
from partbench.benchmark.plugins.contract import CheckOutcome, Record, cases, checks_for, examine
from partbench.datasets.dataset import Dataset
from partbench.heads.head import Head

REASON = "its maps are printed mirrored"


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


@pytest.mark.parametrize("record", [mirrored(), Head("mirror", build=list), Dataset("mirror", ("ground",), load=list)])
def test_a_record_can_still_be_told_from_another(record: Record) -> None:
    """Known failures are no part of its hash, though two records that differ in them alone are not the same."""
    other, namesake = replace(record, known_failures=KNOWN), replace(record, name="another")
    assert hash(record) == hash(replace(record)) == hash(other) != hash(namesake)
    assert len({record, replace(record), other, namesake}) == 3


def test_an_outcome_is_good_where_it_is_as_declared() -> None:
    """In all four ways."""
    cases_of = {(e, r): CheckOutcome("maps", e, r).good for e in (None, "bad") for r in (None, "known")}
    assert cases_of == {(None, None): True, ("bad", None): False, (None, "known"): False, ("bad", "known"): True}
