"""A backbone that takes a run with it has its next turn last, in a process of its own."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]

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
PLAN = ["--head", "linear", "--shots", "1", "--draws", "1", "--test", "3", "--pool", "4", "--size", "16", "--out", "r"]


@pytest.fixture
def run(program: Callable[..., Any], tmp_path: Path) -> Run:
    """`partbench run` of `bad`, then `good`, as a program of its own, where `bad` ends its process so."""

    def run(end: str, *more: str) -> tuple[int, str, str]:
        """Its exit code, and what it printed."""
        (tmp_path / "partbench_plugins.py").write_text(PLUGIN.format(end=end))
        process = program("run", "--backbone", "bad", "--backbone", "good", *PLAN, *more)
        out, err = process.communicate()
        return process.returncode, out, err

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
    first, _, _ = run(end)
    assert first == code
    _, out, err = run(end)
    assert "an earlier run was killed, aborted or out of memory while bad had its turn (process " in out
    assert "; it has its turn last, in a process of its own" in out
    (sentence,) = {json.loads(file.read_text())["error"] for file in (tmp_path / "r" / "cells").glob("bad*.json")}
    assert f"failed: its process {how}; what is left of it is tried again by the next run" in sentence
    assert sentence in out
    (good,) = (tmp_path / "r" / "cells").glob("good*.json")
    assert json.loads(good.read_text())["error"] is None
    assert "Traceback" not in out + err


def test_a_backbone_that_was_mended_is_scored_apart(run: Run, tmp_path: Path) -> None:
    """Its score is that of an undisturbed run, and it is one of the others again."""
    run("os.abort()")
    code, out, err = run("return extract", "--json")
    assert code == 0, err
    rows = {row["backbone"]: row["mean"] for row in json.loads(out)}
    assert rows["bad"] == rows["good"]
    assert list((tmp_path / "r" / "units").iterdir()) == []
