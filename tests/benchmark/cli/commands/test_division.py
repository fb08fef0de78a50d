"""A run is divided among workers and shards as the command line says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from partbench.benchmark.cli.commands.division import Division, parse_division, workers_on

PLAN = ("--head", "ridge", "--shots", 1, "--draws", 2, "--test", 3, "--pool", 4, "--size", 16, "--device", "cpu")


def test_numbers_are_read() -> None:
    """Nothing means what the machine suggests."""
    assert parse_division(None, None) == Division()
    assert parse_division("0", "2/3") == Division(0, shard=(2, 3))


def test_several_gpus_have_a_worker_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was chosen, or a single one, has none but the run itself; nor has a processor."""
    for gpus, by_default in ((0, 0), (1, 0), (8, 8)):
        monkeypatch.setattr(torch.cuda, "device_count", lambda gpus=gpus: gpus)
        assert workers_on(torch.device("cuda")) == by_default
        assert workers_on(torch.device("cuda:0")) == workers_on(torch.device("cpu")) == 0


def test_shards_one_after_the_other(call: Callable[..., Any], tmp_path: Path) -> None:
    """Each ends well with its own part, and says what is missing; the leaderboard says so too, until nothing is."""
    command = ("run", "--backbone", "pixels", "--backbone", "copy", *PLAN, "--out", tmp_path / "run")
    first = call(*command, "--shard", "1/2")
    assert first.code == 0, first.err
    said = " ".join(first.out.split())
    assert "shard 1/2: 1 group (pixels)" in said and "shard 1/2: 2 of its 2 cells have a score" in said
    assert "2 of 4 cells of" in said and "are missing as yet (copy 2)" in said
    assert "are missing as yet (copy 2)" in call("leaderboard", tmp_path / "run").err
    second = call(*command, "--shard", "2/2")
    assert second.code == 0 and "no cell is missing" in " ".join(second.out.split())
    assert call("leaderboard", tmp_path / "run").err == ""


def test_a_shard_too_many_has_nothing_to_do(call: Callable[..., Any], tmp_path: Path) -> None:
    """It ends well, and writes nothing."""
    command = ("run", "--backbone", "copy", *PLAN, "--out", tmp_path / "run", "--shard", "3/3")
    answer = call(*command)
    assert answer.code == 0, answer.err
    assert "shard 3/3 has nothing to do" in " ".join(answer.out.split())
    assert not (tmp_path / "run").exists()


def test_no_engine_is_imported_that_is_not_asked_for() -> None:
    """Not even by what knows how to use one."""
    modules = ("cli.main", "cli.commands.division", "workers.fleet", "workers.ray_cluster", "workers.slurm")
    code = "import sys; " + "; ".join(f"import partbench.benchmark.{module}" for module in modules)
    code += "; assert not {'ray', 'submitit'} & {*sys.modules}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
