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


def test_a_shelf_without_plugins_is_empty(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocking all heads is no error."""
    monkeypatch.setenv("PARTBENCH_BLOCK", "partbench.heads")
    assert call("list", "heads").code == 0
