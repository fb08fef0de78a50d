"""Heads that train together learn what each learns alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.benchmark.run import losses
from partbench.benchmark.run.head_training import Trained, learn
from partbench.benchmark.run.schedules import Schedule, Settling
from partbench.benchmark.run.stack_steps import Bank
from partbench.benchmark.run.stack_training import Lesson, learn_together
from partbench.heads import partbench_heads
from partbench.heads.head import Head

CHANNELS, SIDES, CLASSES, SIZE, IMAGES = (6, 4), (4, 8), 4, 8, 8
HEADS = {head.name: head for head in partbench_heads()}
STEPPED = ["linear", "mlp-1", "mlp-2", "cnn-s", "cnn-m", "cnn-l", "cnn-s-3x3"]
FIXED = Schedule(steps=6, pixels=16)
SETTLING = Schedule(rate=2e-3, settling=Settling(ceiling=30, window=3, tolerance=0.1), pixels=16)


def bank(seed: int, dtype: torch.dtype = torch.float64) -> Bank:
    """Images whose labels their last map shows, with a row that has none."""
    random = torch.Generator().manual_seed(seed)
    maps = [torch.randn(IMAGES, c, s, s, generator=random, dtype=dtype) for c, s in zip(CHANNELS, SIDES, strict=True)]
    masks = (maps[-1][:, 0] > 0).long() * 2 + (maps[-1][:, 1] > 0).long()
    masks[:, 3] = 255
    return Bank(maps, masks)


def alone(head: Head, bank: Bank, lesson: Lesson, schedule: Schedule) -> Trained:
    def shot(place: int) -> list[Tensor]:
        return [m[lesson.shots[place] : lesson.shots[place] + 1] for m in bank.maps]

    return learn(head, CHANNELS, CLASSES, shot, bank.masks[list(lesson.shots)], schedule, lesson.seed)


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("schedule", [FIXED, SETTLING], ids=["fixed", "settling"])
@pytest.mark.parametrize("name", ["linear", "mlp-2", "cnn-s", "cnn-s-3x3"])
@settings(max_examples=4, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**16),
    shots=st.lists(st.lists(st.integers(0, IMAGES - 1), min_size=1, max_size=5, unique=True), min_size=2, max_size=4),
)
def test_a_head_does_not_depend_on_who_trains_beside_it(
    name: str, schedule: Schedule, seed: int, shots: list[list[int]]
) -> None:
    """Whatever their shots, seeds and ends: steps, settling and, to 1e-9 in float64, every logit."""
    images = bank(seed)
    lessons = [Lesson(rows, seed + i) for i, rows in enumerate(shots)]
    for lesson, one in zip(
        lessons, learn_together(HEADS[name], CHANNELS, CLASSES, images, lessons, schedule), strict=True
    ):
        other = alone(HEADS[name], images, lesson, schedule)
        assert (one.steps, one.settled, one.stacked) == (other.steps, other.settled, len(lessons))
        assert not one.module.training and not any(p.requires_grad for p in one.module.parameters())
        together, by_itself = (module(images.maps, SIZE) for module in (one.module, other.module))
        torch.testing.assert_close(together, by_itself, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", STEPPED)
def test_in_float32_a_few_steps_are_the_same_to_rounding(name: str) -> None:
    """Over a whole training float32 enlarges its own rounding, alone as well as in a stack."""
    images, few = bank(0, torch.float32), replace(FIXED, steps=4)
    lessons = [Lesson([0], 1), Lesson([1, 2, 3], 2), Lesson([4, 5, 6, 7, 0], 3)]
    for lesson, one in zip(lessons, learn_together(HEADS[name], CHANNELS, CLASSES, images, lessons, few), strict=True):
        other = alone(HEADS[name], images, lesson, few).module
        torch.testing.assert_close(one.module(images.maps, SIZE), other(images.maps, SIZE), rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("double")
def test_heads_end_at_their_own_time() -> None:
    """Each settles at a step of its own, and the steps that others go on for change nothing in it."""
    images, lessons = bank(3), [Lesson(list(range(n)), n) for n in (1, 2, 3, 5, 8)]
    together = learn_together(HEADS["linear"], CHANNELS, CLASSES, images, lessons, SETTLING)
    assert len({one.steps for one in together}) > 2


@pytest.mark.usefixtures("double")
def test_large_images_are_learnt_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a head alone learns them."""
    monkeypatch.setattr(losses, "PIXELS_AT_ONCE", 6 * SIZE)
    images, lessons, schedule = bank(1), [Lesson([0, 1], 1), Lesson([2], 2)], replace(FIXED, steps=3)
    for lesson, one in zip(
        lessons, learn_together(HEADS["cnn-s"], CHANNELS, CLASSES, images, lessons, schedule), strict=True
    ):
        other = alone(HEADS["cnn-s"], images, lesson, schedule).module
        torch.testing.assert_close(one.module(images.maps, SIZE), other(images.maps, SIZE), rtol=1e-9, atol=1e-9)
