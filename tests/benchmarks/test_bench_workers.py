"""What two workers of one thread each gain over one process of one thread, with the start of Python in both.

PARTBENCH_GRID names other options of `partbench run`: the acceptance of many workers is the default grid without
`stylegan2`, which takes a quarter of an hour.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from partbench.benchmark.run.journal import Journal

NAMES = ("vae", "jigsaw", "pix2pix-color", "pix2pix-hed", "pix2pix-bilateral", "hed", "position", "pixels", "copy")
GRID = os.environ.get("PARTBENCH_GRID", "--shots 1,5 --draws 2").split()
START = "from partbench.benchmark.cli.main import main; main()"
GAIN = 1.7
OWN = {"finished", "hardware", "seconds per image"}
BUSY = 0.4
"""Load, others' programs per core, from which on no two timings can be compared."""


def run(out: Path, *more: str) -> tuple[float, float]:
    """Seconds on the clock, and of the processor."""
    names = [word for name in NAMES for word in ("--backbone", name)]
    command = [sys.executable, "-c", START, "run", *names, *GRID, "--device", "cpu", "--out", str(out), *more]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cells(run: Path) -> dict[str, Any]:
    """All that cells hold but for `OWN`, by their file."""
    found = {}
    for file in (run / "cells").glob("*.json"):
        record = json.loads(file.read_text())
        provenance = {fact: value for fact, value in record["provenance"].items() if fact not in OWN}
        found[file.stem] = record["counts"], record["error"], provenance
    return found


def test_two_workers_gain(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """At least 1.7 times, for the same cells; no image is described twice."""
    if (os.cpu_count() or 1) < 2 or os.getloadavg()[0] / (os.cpu_count() or 1) > BUSY:
        pytest.skip("two cores that nobody else uses are needed")
    one = run(tmp_path / "one")
    two = benchmark.pedantic(lambda: run(tmp_path / "two", "--workers", "2"), rounds=1)
    benchmark.extra_info |= {"one": one, "two": two, "gain": one[0] / two[0]}
    assert cells(tmp_path / "two") == cells(tmp_path / "one")
    work = [(line["unit"], line["of"]) for line in Journal(tmp_path / "two").read()]
    counts = Counter(unit for unit in work if unit[0] in ("scale", "shots", "fit", "score"))
    assert max(counts.values()) == 1
    assert one[0] / two[0] > GAIN
