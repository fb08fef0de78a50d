"""A run that is killed goes on where it was, and its leaderboard is that of a run that nobody disturbed.

PARTBENCH_KILLS says how often the run is killed; 2 by default, because every start of Python takes seconds.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from partbench.benchmark.run.journal import Journal

KILLS = int(os.environ.get("PARTBENCH_KILLS", "2"))
PLAN = (
    "--backbone position --backbone pixels --head linear --head cnn-s "
    "--shots 1,2 --draws 2 --test 6 --pool 12 --size 16 --device cpu"
)
FITS, SLICES = 2 * 2 * 2 * 2, 2
START = "from partbench.benchmark.cli.main import main; main()"


def partbench(*arguments: str) -> subprocess.Popen[str]:
    """The command line in a process of its own, on one thread so that every bit is the same."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", START, *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """What it prints until its end, which must be a good one."""
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out


def journal(run: Path) -> list[str]:
    """The heads that are trained and slices that are scored, in their order."""
    return [f"{line['unit']} {line['of']}" for line in Journal(run).read() if line["unit"] in ("fit", "score")]


def kill_after(process: subprocess.Popen[str], run: Path, units: int, pause: float) -> None:
    """Kill -9 a moment after so many units are done."""
    while process.poll() is None and len(journal(run)) < units:
        time.sleep(0.005)
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_a_killed_run_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """Killed at any moment and started again, no unit is done twice, but for the one in flight, and no bit differs."""
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    expected = json.loads(finish(partbench("run", *PLAN.split(), "--out", str(undisturbed), "--json")))
    assert len(journal(undisturbed)) == FITS + SLICES

    chance = random.Random(os.getpid())
    moments = sorted(chance.sample(range(1, FITS + SLICES), KILLS))
    for units in moments:
        kill_after(partbench("run", *PLAN.split(), "--out", str(killed)), killed, units, chance.uniform(0, 0.2))

    assert json.loads(finish(partbench("run", *PLAN.split(), "--out", str(killed), "--json"))) == expected, moments
    done = Counter(journal(killed))
    assert set(done) <= set(journal(undisturbed))
    assert [unit for unit, times in done.items() if times > 1] == [], moments
    assert len(done) >= FITS + SLICES - KILLS, "a kill between a file and its line in the journal costs the line alone"
