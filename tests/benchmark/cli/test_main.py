"""The command line: every verb says how it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typer.main import get_command

from partbench.benchmark.cli.main import app

Call = Callable[..., Any]


VERBS = list(get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("verb", [[], *([verb] for verb in VERBS)], ids=str)
def test_every_verb_has_an_example(call: Call, verb: list[str]) -> None:
    """--help ends with a command to copy."""
    answer = call(*verb, "--help")
    assert answer.code == 0
    assert "Example:  partbench" in answer.out
