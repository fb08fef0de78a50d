"""`partbench leaderboard --labels`: how many labels a backbone saves."""

from __future__ import annotations

import json
import sys
from math import inf
from pathlib import Path

import numpy as np
import pytest

from partbench.benchmark.cli.commands.labels import has_curve
from partbench.benchmark.cli.main import main
from partbench.benchmark.metrics.confusion import confuse
from partbench.benchmark.plan import NO_HEAD, SUPERVISED, Cell, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.leaderboard import estimates


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """A run of few shots and one of many labels, of one protocol."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (8, 12, 12))
    paths = tmp_path / "few", tmp_path / "many"
    for path, backbone, heads, shots in zip(
        paths, ("stylegan2", SUPERVISED), ("linear", NO_HEAD), ((1, 5), (1, 10, 100)), strict=True
    ):
        folder = RunFolder(path)
        plan = Plan("faces", (backbone,), ("linear",), shots=shots, draws=2, size=12, test=8)
        folder.write_plan(plan, {"data": "abc"})
        for cell in plan.cells():
            right = 0.5 + 0.2 * np.log10(cell.shots) + 0.12 * (backbone != SUPERVISED) + 0.01 * cell.draw
            guess = np.where(random.random(truth.shape) < right, truth, (truth + 1) % 3)
            facts = {"data": "abc", "plan": plan.hash, "protocol": 1}
            folder.write(CellResult(cell, ("background", "a", "b"), (), None, confuse(guess, truth, 3), facts))
        assert heads == next(iter(plan.cells())).head
    return paths


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> str:
    monkeypatch.setattr(sys, "argv", ["partbench", "leaderboard", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    return capsys.readouterr().out


def test_the_leaderboard_of_two_runs_says_it(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Under its tables, and alone for a script; a run without the control has no such table."""
    assert "labels that supervised needs" in said(capsys, monkeypatch, *runs)
    assert "labels that supervised needs" not in said(capsys, monkeypatch, runs[0])
    rows = json.loads(said(capsys, monkeypatch, *runs, "--labels", "--format", "json"))
    assert [(row["backbone"], row["shots"]) for row in rows] == [("stylegan2", 1), ("stylegan2", 5)]
    assert 1 < rows[0]["labels"] < rows[1]["labels"] < 100
    assert rows[0]["labels low"] <= rows[0]["labels"] <= (rows[0]["labels high"] or inf)


def test_the_control_s_numbers_of_labels_are_counted(runs: tuple[Path, Path]) -> None:
    """One of them is no curve."""
    results, _ = RunFolder(runs[1]).results()
    assert has_curve(results) and not has_curve([r for r in results if r.cell.shots == 1])
    assert set(estimates(results, "mean")) == {(SUPERVISED, NO_HEAD, n) for n in (1, 10, 100)}
    assert results[0].cell == Cell(SUPERVISED, NO_HEAD, 1, 0)
