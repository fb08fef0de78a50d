"""On a terminal that knows ASCII alone every verb says what it has to say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from partbench.benchmark.plan import Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
MAIN = "from partbench.benchmark.cli.main import main; main()"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A made-up run of a dataset with a class in letters of its own."""
    folder = RunFolder(tmp_path / "run")
    plan = Plan("faces", ("pixels", "vae"), ("linear",), shots=(1,), draws=3, test=4)
    folder.write_plan(plan, {"data": "abc"})
    random = np.random.default_rng(0)
    for cell in plan.cells():
        confusion = random.integers(1, 20, (4, 2, 2))
        folder.write(CellResult(cell, ("ground", "Ohr 耳"), (), None, confusion, {"data": "abc"}))
    return folder.path


@pytest.mark.parametrize("verb", [["leaderboard"], ["leaderboard", "--per-class"], ["lottery"], ["compare"]], ids=str)
def test_an_ascii_terminal(run: Path, verb: list[str]) -> None:
    """Exit code 0, no traceback; ± is +-, and a letter that it lacks is its number."""
    env = {**os.environ, **ASCII, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", MAIN, verb[0], str(run), *verb[1:]]
    done = subprocess.run(command, capture_output=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    text = (done.stdout + done.stderr).decode("ascii")
    assert "+-" in text or "Ohr \\u8033" in text
