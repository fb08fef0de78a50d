"""What partbench adds to a bare forward pass: the clock of `partbench throughput`, and what a run does with every map.

Ratios within one run, in CPU time of one thread; both ways take turns, and the quietest turn of each counts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from partbench.benchmark.cost.stage_timing import FEW, StageClock
from partbench.benchmark.cost.throughput import Options, pictures, prepare
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.names import find_backbone
from partbench.benchmark.run.features import FeatureSource

NAME, TURNS = "pix2pix-hed", 40
CLOCK, READING = 1.03, 1.15
"""Of the clock, what the docs promise; of a run's reading (checks, dtype), 0.97 to 1.07 was measured."""
CPU = Options(torch.device("cpu"), (8,))


pytestmark = pytest.mark.usefixtures("one_thread")


def quietest(work: Callable[[], object]) -> float:
    """Seconds of one turn."""
    start = process_time()
    work()
    return process_time() - start


@pytest.mark.benchmark(timer=process_time)
def test_measuring_adds_little(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """The clock less than three hundredths, a run's reading of the maps less than fifteen."""
    record = find_backbone(load_catalogue(), NAME).record
    extractor, images = prepare(record.load(), CPU), pictures(8, record.size, CPU)
    source = FeatureSource(record, extractor, CPU.device, tmp_path)
    clock = StageClock(extractor, images)
    ways: dict[str, Callable[[], object]] = {
        "bare": lambda: [extractor(images) for _ in range(FEW)],
        "clock": lambda: list(clock._passes(0.0, 1e9)),
        "reading": lambda: [source.raw(images) for _ in range(FEW)],
    }
    with torch.no_grad():
        benchmark.pedantic(ways["clock"], rounds=3, warmup_rounds=2)
        turns = [{name: quietest(work) for name, work in ways.items()} for _ in range(TURNS)]
    best = {name: min(turn[name] for turn in turns) for name in ways}
    ratios = {name: best[name] / best["bare"] for name in ("clock", "reading")}
    benchmark.extra_info |= {name: round(ratio, 3) for name, ratio in ratios.items()}
    assert ratios["clock"] < CLOCK
    assert ratios["reading"] < READING
