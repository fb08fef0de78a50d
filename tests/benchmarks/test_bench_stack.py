"""What a stack of heads saves as it learns and predicts: operators that torch dispatches, and on this machine time.

Launches are what a small head's step costs on a GPU; the profiler counts them without one. Two cores are as busy with
each head by itself, so that a run stacks on CUDA alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from partbench.benchmark.run.head_training import learn
from partbench.benchmark.run.schedules import SCHEDULES, Schedule
from partbench.benchmark.run.stack_scores import SliceReading
from partbench.benchmark.run.stack_steps import Bank
from partbench.benchmark.run.stack_training import Lesson, learn_together
from partbench.benchmark.run.target_masks import Truth
from partbench.heads import partbench_heads
from partbench.heads.head import Solves

HEADS = {head.name: head for head in partbench_heads()}
CHANNELS, SIDES, CLASSES, SIZE, MEMBERS, FEWER = (6, 4), (4, 8), 4, 8, 15, 10


def operators(work: Callable[[], object]) -> int:
    """Operators that torch dispatches, those that call others and those that are called."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        work()
    return sum(event.count for event in seen.key_averages() if event.key.startswith("aten::"))


@pytest.mark.parametrize("name", ["linear", "mlp-1", "mlp-2", "cnn-s", "cnn-m", "cnn-l"])
def test_a_stack_of_fifteen_dispatches_a_tenth(benchmark: BenchmarkFixture, name: str) -> None:
    """In six further steps, at least ten times fewer than fifteen heads alone."""
    random, head = torch.Generator().manual_seed(0), HEADS[name]
    maps = [torch.randn(8, c, s, s, generator=random) for c, s in zip(CHANNELS, SIDES, strict=True)]
    bank = Bank(maps, torch.randint(CLASSES, (8, SIZE, SIZE), generator=random))
    lessons = [Lesson([member % 8], member) for member in range(MEMBERS)]

    def shot(place: int) -> list[Tensor]:
        return [layer[place : place + 1] for layer in maps]

    def alone(schedule: Schedule) -> None:
        learn(head, CHANNELS, CLASSES, shot, bank.masks[:1], schedule, 0)

    def together(schedule: Schedule) -> None:
        learn_together(head, CHANNELS, CLASSES, bank, lessons, schedule)

    few, many = (replace(SCHEDULES["paper"], steps=steps, pixels=16) for steps in (2, 8))
    apart = MEMBERS * (operators(lambda: alone(many)) - operators(lambda: alone(few)))
    stacked = operators(lambda: together(many)) - operators(lambda: together(few))
    benchmark.pedantic(together, args=(few,), rounds=2)
    benchmark.extra_info["operators alone over stacked"] = round(apart / stacked, 1)
    assert apart >= FEWER * stacked


@pytest.mark.parametrize("name", ["ridge", "prototype", "linear", "mlp-1", "mlp-2", "cnn-s", "cnn-m", "cnn-l"])
def test_fifteen_heads_predict_with_a_fifth_of_the_operators(benchmark: BenchmarkFixture, name: str) -> None:
    """Logits, classes and counts of one image: a CPU alone would go through several one by one."""
    random, head = torch.Generator().manual_seed(0), HEADS[name]
    maps = [torch.randn(1, c, s, s, generator=random) for c, s in zip(CHANNELS, SIDES, strict=True)]
    masks = torch.randint(CLASSES, (1, SIZE, SIZE), generator=random)
    task: Any = SimpleNamespace(
        plan=SimpleNamespace(size=SIZE, native=False),
        dataset=SimpleNamespace(classes=tuple(range(CLASSES))),
        scored=SimpleNamespace(masks=lambda rows, size: masks),
    )
    modules, reading = (
        [head.build(CHANNELS, CLASSES).eval() for _ in range(MEMBERS)],
        SliceReading(maps, Truth(task, [0])),
    )
    for module in modules:
        if isinstance(module, Solves):
            module.solve(lambda shot: maps, masks)

    def alone() -> None:
        for module in modules:
            reading.counted(reading.alone(module), shown=True)

    def together() -> None:
        reading.together(modules, [True] * MEMBERS)

    apart, stacked = operators(alone), operators(together)
    benchmark.pedantic(together, rounds=2)
    benchmark.extra_info["operators alone over stacked"] = round(apart / stacked, 1)
    assert apart >= 5 * stacked
