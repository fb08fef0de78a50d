"""`partbench list`: what there is to cross."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

SIX = ("linear", "mlp-1", "mlp-2", "cnn-s", "cnn-m", "cnn-l")


Call = Callable[..., Any]


def test_the_list_is_for_people_and_programs(call: Call) -> None:
    """With --json it can be parsed; without, it names the same."""
    listed = json.loads(call("list", "--json").out)
    assert listed["problems"] == []
    assert {"pixels", "position", "copy"} <= {row["name"] for row in listed["backbones"]}
    assert set(SIX) <= {row["name"] for row in listed["heads"]}
    table = call("list", "heads").out
    assert all(head in table for head in SIX)


def test_a_family_lists_what_its_models_need(call: Call) -> None:
    """A dozen of timm's, with the same facts for people and for programs."""
    listed = json.loads(call("list", "--family", "timm", "--json").out)["timm"]
    assert len(listed) == 12
    for row in listed:
        assert row.keys() >= {"name", "hub", "licence", "gated", "parameters", "pixels", "patch", "reading"}
    shown = call("list", "--family", "timm").out
    assert all(str(row["name"]) in shown and str(row["parameters"]) in shown for row in listed)
    missing = sum(not row["here"] for row in listed)
    assert (f"{missing} of 12" in shown) == (missing > 0)
    for wrong in (("--family", "vae"), ("--family", ""), ("heads", "--family", "timm")):
        assert call("list", *wrong).code == 2


def test_a_plugin_that_is_blocked_offers_nothing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without our heads auto-shot stands there alone, which is no error, and the other shelves are as before."""
    whole = json.loads(call("list", "--json").out)
    monkeypatch.setenv("PARTBENCH_BLOCK", "partbench.heads")
    answer = call("list", "--json")
    assert answer.code == 0
    listed = json.loads(answer.out)
    assert [row["name"] for row in listed.pop("heads")] == ["auto-shot:NAME"]
    assert len(whole.pop("heads")) > len(SIX) and listed == whole
    table = call("list", "heads")
    assert (table.code, table.err) == (0, "") and not set(SIX) & set(table.out.split())
