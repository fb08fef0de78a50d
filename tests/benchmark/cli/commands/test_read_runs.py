"""Runs are read into groups of what may be compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partbench.benchmark.cli.commands.read_runs import read_groups
from partbench.benchmark.plan import Plan
from partbench.benchmark.results import CellResult, RunFolder


@pytest.mark.parametrize("fact", ["protocol", "plan", "data"])
def test_cells_under_other_conditions_stand_in_a_group_of_their_own(tmp_path: Path, fact: str) -> None:
    """Though they lie in one folder and belong to one plan: no mean is taken over both."""
    folder = RunFolder(tmp_path)
    plan = Plan("faces", ("pixels",), ("linear",), shots=(1,), draws=3)
    folder.write_plan(plan, {"data": "abc"})
    for cell in plan.cells():
        facts = {"protocol": 3, "plan": "p", "data": "abc", fact: "other" if cell.draw == 1 else "same"}
        folder.write(CellResult(cell, ("a", "b"), confusion=np.ones((4, 2, 2), dtype=int), provenance=facts))
    groups = read_groups([tmp_path])
    assert [[result.cell.draw for result in group] for group in groups.values()] == [[0, 2], [1]]
    assert next(iter(groups)) == "faces"
