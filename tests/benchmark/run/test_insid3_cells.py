"""`insid3:BACKBONE` is a row of a run: no head, as many shots and draws as any, and the same score every time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from partbench.benchmark.plan import NO_HEAD
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder

PLUGIN = """
import torch
from partbench import hookimpl
from partbench.backbones.backbone import Backbone

def load():
    class Toy(torch.nn.Conv2d):
        def forward(self, images):
            grey = torch.nn.functional.avg_pool2d(images, 4)
            return [images, torch.cat([grey, 1 - grey], 1)]
    return Toy(3, 2, 1)

@hookimpl
def partbench_backbones():
    yield Backbone("toy", 32, (3, 6), load)
"""

OPTIONS = ("--dataset", "faces", "--test", "3", "--pool", "8", "--size", "16")


@pytest.fixture
def results(call: Callable[..., Any], tmp_path: Path) -> Callable[..., list[CellResult]]:
    """Runs a plan with more options, and reads what came of it."""
    (tmp_path / "partbench_plugins.py").write_text(PLUGIN)

    def run(out: str, *more: str) -> list[CellResult]:
        words = ["run", *OPTIONS, "--shots", "1,2", "--draws", "2", "--device", "cpu", "--out"]
        answer = call(*words, tmp_path / out, *more)
        assert answer.code == 0, answer.err
        return list(RunFolder(tmp_path / out).results()[0])

    return run


def test_it_is_a_row_beside_the_others(results: Callable[..., list[CellResult]]) -> None:
    """One cell for each number of shots and draw, without a head; its score says which map and how many directions."""
    found = results("a", "--backbone", "insid3:toy", "--backbone", "toy", "--backbone", "copy", "--head", "prototype")
    mine = [result for result in found if result.cell.backbone == "insid3:toy"]
    assert {(r.cell.head, r.cell.shots, r.cell.draw) for r in mine} == {(NO_HEAD, n, d) for n in (1, 2) for d in (0, 1)}
    assert len(found) == 3 * 4
    for result in mine:
        assert result.confusion is not None and result.confusion.shape[0] == 3
        assert result.provenance["settings"] == "its last map, 8 x 8; 0 of 6 directions of position projected out"
        assert result.provenance["provider"].startswith("partbench_plugins")
        assert result.provenance["parameters"] == 8


def test_the_same_plan_scores_the_same(results: Callable[..., list[CellResult]]) -> None:
    """Nothing of it is drawn but the shots."""
    one, other = (results(out, "--backbone", "insid3:toy") for out in "ab")
    for a, b in zip(one, other, strict=True):
        assert a.confusion is not None and b.confusion is not None
        assert np.array_equal(a.confusion, b.confusion)


def test_its_cost_is_planned_and_it_is_listed(call: Callable[..., Any], tmp_path: Path) -> None:
    """`plan` reckons with it as with any backbone, and `list` says what it is."""
    (tmp_path / "partbench_plugins.py").write_text(PLUGIN)
    words = ["plan", *OPTIONS, "--backbone", "insid3:toy", "--shots", "1", "--draws", "1"]
    planned = call(*words, "--json")
    assert planned.code == 0, planned.err
    assert json.loads(planned.out)
    names = [row["name"] for row in json.loads(call("list", "backbones", "--json").out)["backbones"]]
    assert "insid3:NAME" in names


def test_a_map_that_cannot_be_read_fails_its_cells_alone(call: Callable[..., Any], tmp_path: Path) -> None:
    """The rest of the run goes on, and the cells say why."""
    (tmp_path / "partbench_plugins.py").write_text(PLUGIN.replace("1 - grey]", "grey / 0]"))
    words = ["run", *OPTIONS, "--shots", "1", "--draws", "1", "--device", "cpu", "--backbone", "copy"]
    call(*words, "--backbone", "insid3:toy", "--out", tmp_path / "a")
    errors = {result.cell.backbone: result.error for result in RunFolder(tmp_path / "a").results()[0]}
    assert errors["copy"] is None and "in it; see where its network overflows" in str(errors["insid3:toy"])
