"""A backbone that takes a run with it has its next turn last, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., "CompletedProcess[str]"]

PLUGIN = """
import os, signal, sys
import partbench
from partbench.backbones.backbone import Backbone

def load():
    {end}

def extract(images):
    return [images]

@partbench.hookimpl
def partbench_backbones():
    yield Backbone("bad", 16, (3,), load)
    yield Backbone("good", 16, (3,), lambda: extract)
"""
MAIN = "from partbench.benchmark.cli.main import main; main()"
PLAN = ["--head", "linear", "--shots", "1", "--draws", "1", "--test", "3", "--pool", "4", "--size", "16", "--out", "r"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`partbench run` of `bad`, then `good`, as a program of its own, where `bad` ends its process so."""

    def run(end: str, *more: str) -> CompletedProcess[str]:
        (tmp_path / "partbench_plugins.py").write_text(PLUGIN.format(end=end))
        names = ("--backbone", "bad", "--backbone", "good")
        command = [sys.executable, "-c", MAIN, "run", *names, *PLAN, *more]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "COLUMNS": "200"}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize(
    ("end", "code", "how"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, "was ended by SIGKILL, as where memory runs out"),
        ("os._exit(0)", 0, "ended with exit code 0"),
    ],
)
def test_a_backbone_that_ends_the_process(run: Run, tmp_path: Path, end: str, code: int, how: str) -> None:
    """It takes one run with it; the same command then scores the others first, and says what became of it."""
    assert run(end).returncode == code
    second = run(end)
    assert "an earlier run was killed, aborted or out of memory while bad had its turn (process " in second.stdout
    assert "; it has its turn last, in a process of its own" in second.stdout
    (sentence,) = {json.loads(file.read_text())["error"] for file in (tmp_path / "r" / "cells").glob("bad*.json")}
    assert f"failed: its process {how}; what is left of it is tried again by the next run" in sentence
    assert sentence in second.stdout
    (good,) = (tmp_path / "r" / "cells").glob("good*.json")
    assert json.loads(good.read_text())["error"] is None
    assert "Traceback" not in second.stdout + second.stderr


def test_a_backbone_that_was_mended_is_scored_apart(run: Run, tmp_path: Path) -> None:
    """Its score is that of an undisturbed run, and it is one of the others again."""
    run("os.abort()")
    second = run("return extract", "--json")
    assert second.returncode == 0, second.stderr
    rows = {row["backbone"]: row["mean"] for row in json.loads(second.stdout)}
    assert rows["bad"] == rows["good"]
    assert list((tmp_path / "r" / "units").iterdir()) == []
