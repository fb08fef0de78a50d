"""What a solution costs: ridge against the steps of the linear head, and against itself without a span.

Ratios within one run, in CPU time of one thread, of the least of several calls: the first ones warm up. The steps are
160 of schedule `quick`, the fewest in which a linear head settled on photographs; `paper` has 1,000 a shot.
"""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from partbench.benchmark.run.head_training import fit
from partbench.benchmark.run.schedules import SCHEDULES
from partbench.heads import partbench_heads, span
from partbench.heads.ridge import Ridge

LAYERS = ((16, 128), (24, 64), (40, 32), (112, 16), (320, 8))
"""(channels, side) of a small network's maps."""
CLASSES, SIZE, STEPS, ROUNDS = 10, 64, 160, 4
LEAST = {1: 3.0, 5: 0.3}
"""Steps over a solution, by shots, that hold on any CPU. Of five shots each is left out under eight ridges, for as long
as those steps of 512 pixels take."""
WIDE = ((384, 7),) * 4
"""Four layers of a transformer whose images have fewer tokens than channels."""

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.benchmark(timer=process_time)
@pytest.mark.parametrize("shots", LEAST)
def test_what_ridge_costs_in_steps_of_the_linear_head(benchmark: BenchmarkFixture, shots: int) -> None:
    """With one shot several times less; with five, of which it leaves out each, about as much as the fewest."""
    heads = {head.name: head for head in partbench_heads()}
    random = torch.Generator().manual_seed(0)
    maps = [torch.randn(shots, c, side, side, generator=random) for c, side in LAYERS]
    masks = torch.randint(CLASSES, (shots, SIZE, SIZE), generator=random)
    channels, schedule = tuple(c for c, _ in LAYERS), replace(SCHEDULES["quick"], steps=STEPS)

    def learn(name: str) -> None:
        fit(heads[name], channels, CLASSES, maps, masks, schedule, 0)

    def timed(name: str) -> float:
        start = process_time()
        learn(name)
        return process_time() - start

    steps = min(timed("linear") for _ in range(ROUNDS))
    benchmark.pedantic(learn, args=("ridge",), rounds=ROUNDS, warmup_rounds=1)
    assert benchmark.stats is not None
    ratio = steps / benchmark.stats.stats.min
    benchmark.extra_info[f"{STEPS} steps over a solution"] = round(ratio, 1)
    assert ratio >= LEAST[shots]


@pytest.mark.benchmark(timer=process_time)
def test_what_the_span_of_wide_maps_saves_a_ridge(benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five shots with 245 tokens, 1,536 unknowns become 245."""
    random = torch.Generator().manual_seed(0)
    maps = [[torch.randn(1, c, side, side, generator=random) for c, side in WIDE] for _ in range(5)]
    masks = torch.randint(CLASSES, (5, SIZE, SIZE), generator=random)
    head = Ridge([c for c, _ in WIDE], CLASSES)

    def solve() -> None:
        head.solve(lambda place: maps[place], masks)

    benchmark.pedantic(solve, rounds=ROUNDS, warmup_rounds=1)
    monkeypatch.setattr(span, "_pays", lambda *_: False)
    start = process_time()
    solve()
    assert benchmark.stats is not None
    ratio = (process_time() - start) / benchmark.stats.stats.min
    benchmark.extra_info["without the span over with it"] = round(ratio, 1)
    assert ratio >= 3.0
