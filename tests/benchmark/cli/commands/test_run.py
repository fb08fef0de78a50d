"""`partbench run`: what it prints, and what a second command adds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TINY = ("--shots", "1,2", "--draws", "2", "--test", "3", "--pool", "6", "--size", "16")


Call = Callable[..., Any]


@pytest.mark.usefixtures("short_trainings")
def test_a_run_prints_its_own_leaderboard(call: Call, tmp_path: Path) -> None:
    """A second command adds to the folder and prints what it was asked for; `leaderboard` shows all of it."""
    out = tmp_path / "run"
    first = call(
        "run", "--backbone", "position", "--backbone", "copy", "--head", "linear", *TINY, "--out", out, "--json"
    )
    assert first.code == 0, first.err
    rows = json.loads(first.out)
    assert {(row["backbone"], row["head"], row["shots"], row["draws"]) for row in rows} == {
        (backbone, head, shots, 2) for backbone, head in (("position", "linear"), ("copy", "-")) for shots in (1, 2)
    }
    second = call("run", "--backbone", "pixels", "--head", "linear", *TINY, "--out", out)
    assert second.code == 0, second.err
    assert "1 backbones x 1 heads x 2 shots x 2 draws = 4 cells" in second.out
    assert "position" not in second.out
    every = json.loads(call("leaderboard", out, "--format", "json").out)
    assert {row["backbone"] for row in every} == {"position", "copy", "pixels"}
    for row in (*every, *rows):  # a rank depends on who else is there
        for metric in ("paper_weighted", "mean", "small_parts"):
            row.pop(f"{metric} rank")
    assert [row for row in every if row["backbone"] != "pixels"] == rows

    other = call("run", "--backbone", "pixels", "--head", "linear", *TINY, "--seed", 3, "--out", out)
    assert (other.code, other.err.count("\n")) == (2, 1)
    assert str(out) in other.err and "seed 0, not 3" in other.err


def test_heads_that_take_no_steps_are_scored_beside_others(call: Call, tmp_path: Path) -> None:
    """They know more than one class everywhere, are not marked, and a second command has nothing to do."""
    heads = [word for head in ("ridge", "prototype", "knn") for word in ("--head", head)]
    command = ("run", "--backbone", "pixels", *heads, *TINY, "--out", tmp_path / "run")
    first = call(*command, "--json")
    assert first.code == 0, first.err
    rows = json.loads(first.out)
    assert {(row["head"], row["shots"], row["draws"]) for row in rows} == {
        (head, shots, 2) for head in ("ridge", "prototype", "knn") for shots in (1, 2)
    }
    assert {row["not converged"] for row in rows} == {0}
    assert all(5 < row["mean"] <= 100 for row in rows)
    again = call(*command, "--json")
    assert json.loads(again.out) == rows
    said = call("plan", *command[1:], "--json")
    assert said.code == 0, said.err
