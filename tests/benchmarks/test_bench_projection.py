"""What projecting many images together saves: 64 of them against four times 16.

Ratios within one run: operations that are dispatched, which is what a GPU waits for, and CPU time of one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import process_time

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from partbench.backbones.stylegan2.config import EMBEDDED
from partbench.backbones.stylegan2.extractor import StyleGAN2Extractor
from partbench.backbones.stylegan2.weights import untrained

STEPS, TOGETHER, FEW = 4, 64, 16
SLOWER = 1.25
"""Times as long as in small lots, at most: on a CPU the arithmetic is the same, and larger lots leave its caches."""


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def extractor() -> StyleGAN2Extractor:
    """A network of the shipped one's shape, a few steps of whose projection stand for all."""
    found = StyleGAN2Extractor(untrained(EMBEDDED, 0), (0,), "encode")
    found.projection = replace(found.projection, steps=STEPS)
    return found


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(TOGETHER, 3, EMBEDDED.size, EMBEDDED.size, generator=torch.Generator().manual_seed(0))


def dispatched(work: Callable[[], object]) -> int:
    """Operations of torch that some work calls."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    return sum(event.count for event in profiler.key_averages() if event.key.startswith("aten::"))


def in_lots(extractor: StyleGAN2Extractor, images: Tensor) -> None:
    for lot in images.split(FEW):
        extractor.invert(lot)


def test_64_together_dispatch_a_quarter_of_what_four_times_16_do(
    extractor: StyleGAN2Extractor, images: Tensor, benchmark: BenchmarkFixture
) -> None:
    """The operations of a step do not depend on how many images it is for."""
    extractor.projection = replace(extractor.projection, steps=2)
    together, lots = dispatched(lambda: extractor.invert(images)), dispatched(lambda: in_lots(extractor, images))
    benchmark.extra_info |= {"operations together": together, "in lots": lots}
    extractor.projection = replace(extractor.projection, steps=STEPS)
    benchmark.pedantic(lambda: extractor.attempt(images[:1], 1), rounds=1)
    assert together * TOGETHER / FEW <= lots * 1.02


@pytest.mark.benchmark(timer=process_time)
def test_64_together_take_no_longer_than_four_times_16(
    extractor: StyleGAN2Extractor, images: Tensor, benchmark: BenchmarkFixture
) -> None:
    """Not even on a CPU, which has no launches to save."""
    start = process_time()
    in_lots(extractor, images)
    lots = process_time() - start
    benchmark.pedantic(extractor.invert, args=(images,), rounds=1)
    assert benchmark.stats is not None
    ratio = benchmark.stats.stats.median / lots
    benchmark.extra_info["times as long as in lots"] = round(ratio, 2)
    assert ratio < SLOWER
