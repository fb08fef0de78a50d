"""A run that is killed goes on where it was, and its leaderboard is that of a run that nobody disturbed.

PARTBENCH_KILLS says how often the run is killed; 2 by default.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partbench.benchmark.run.journal import Journal

KILLS = int(os.environ.get("PARTBENCH_KILLS", "2"))
PLAN = (
    "--backbone position --backbone pixels --head linear --head cnn-s "
    "--shots 1,2 --draws 2 --test 6 --pool 12 --size 16 --device cpu"
)
FITS, SLICES = 2 * 2 * 2 * 2, 2
PLUGIN = """
from dataclasses import replace
from partbench.benchmark.run.schedules import SCHEDULES, Settling

SCHEDULES["quick"] = replace(SCHEDULES["quick"], settling=Settling(ceiling=60))
"""
"""Shorter trainings: it is between them that a run is killed, or in one."""


def finish(process: Any) -> str:
    """What it prints until its end, which must be a good one."""
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


def journal(run: Path) -> list[str]:
    """The heads that are trained and slices that are scored, in their order."""
    return [f"{line['unit']} {line['of']}" for line in Journal(run).read() if line["unit"] in ("fit", "score")]


def kill_after(process: Any, run: Path, units: int, pause: float) -> None:
    """Kill -9 a moment after so many units are done."""
    while process.poll() is None and len(journal(run)) < units:
        time.sleep(0.005)
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_killed_run_ends_as_an_undisturbed_one(program: Callable[..., Any], tmp_path: Path) -> None:
    """Killed at any moment and started again, no unit is done twice, but for the one in flight, and no bit differs."""
    (tmp_path / "partbench_plugins.py").write_text(PLUGIN)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    expected = json.loads(finish(program("run", *PLAN.split(), "--out", str(undisturbed), "--json")))
    assert len(journal(undisturbed)) == FITS + SLICES

    chance = random.Random(os.getpid())
    moments = sorted(chance.sample(range(1, FITS + SLICES), KILLS))
    for units in moments:
        kill_after(program("run", *PLAN.split(), "--out", str(killed)), killed, units, chance.uniform(0, 0.2))

    assert json.loads(finish(program("run", *PLAN.split(), "--out", str(killed), "--json"))) == expected, moments
    done = Counter(journal(killed))
    assert set(done) <= set(journal(undisturbed))
    assert [unit for unit, times in done.items() if times > 1] == [], moments
    assert len(done) >= FITS + SLICES - KILLS, "a kill between a file and its line in the journal costs the line alone"
