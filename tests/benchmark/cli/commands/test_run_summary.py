"""The end of a run says of every cell without a score whether it failed or was skipped."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from partbench.benchmark.cli.commands.run_summary import show_end
from partbench.benchmark.plan import Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder


@pytest.mark.parametrize(
    ("failed", "skipped", "said", "silent"),
    [
        (1, 0, "1 of 4 cells failed; their files in", "cells were skipped"),
        (0, 2, "2 of 4 cells were skipped; the same command computes them", "failed"),
        (1, 1, "1 of 4 cells were skipped", "2 of 4"),
        (0, 0, "IoU", "of 4 cells"),
    ],
)
def test_a_cell_that_was_skipped_did_not_fail(
    tmp_path: Path, failed: int, skipped: int, said: str, silent: str
) -> None:
    """Exit code 1 either way, since the run is not whole."""
    folder = RunFolder(tmp_path / "run")
    plan = Plan("faces", ("pixels",), ("linear",), shots=(1,), draws=4)
    folder.write_plan(plan, {})
    for cell, number in zip(plan.cells(), range(4 - skipped), strict=False):
        bad = number < failed
        confusion = None if bad else np.ones((2, 3, 3), dtype=np.int64)
        folder.write(CellResult(cell, ("a", "b", "c"), (), "it broke" if bad else None, confusion, {}))
    shown = io.StringIO()
    code = show_end(plan, folder, Console(file=shown, width=200), as_json=False)
    assert code == int(failed + skipped > 0)
    assert said in shown.getvalue() or said == "IoU"
    assert silent not in shown.getvalue()
