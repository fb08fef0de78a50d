"""The pace of a training follows its schedule, and its loss where that says when to end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from partbench.benchmark.run.pace import Pace
from partbench.benchmark.run.schedules import SCHEDULES, Schedule, Settling

SETTLING = Settling(ceiling=400)


def follow(loss: Callable[[int], float], shots: int = 1, settling: Settling = SETTLING) -> tuple[Pace, list[float]]:
    """A training whose loss is known: its pace at the end, and the rate of every step."""
    pace, rates = Pace(Schedule(rate=1.0, settling=settling), shots, chance=1.0), list[float]()
    while not pace.over:
        rates.append(pace.rate)
        pace.took(torch.tensor(loss(pace.step)))
    return pace, rates


def test_the_rate_rises_stays_and_falls() -> None:
    """It rises in ten steps, stays until the loss has settled, and falls to nothing in the last quarter."""
    pace, rates = follow(lambda step: 1 / (1 + step))
    assert pace.settled and pace.step == len(rates) == 134
    assert rates[:10] == pytest.approx([0.1 * i for i in range(1, 11)])
    assert set(rates[10:100]) == {1.0}
    assert rates[101:] == pytest.approx([1 - i / 34 for i in range(1, 34)])


def test_a_loss_that_falls_is_let_fall() -> None:
    """Up to the ceiling, at which the rate has fallen too; it has not settled."""
    pace, rates = follow(lambda step: 2 - 0.004 * step)
    assert pace.settled is False and pace.step == 400
    assert rates[299] == 1.0 and rates[300:] == pytest.approx([1 - i / 100 for i in range(100)])


@pytest.mark.parametrize(("windows", "goes_on"), [(2, True), (3, False)])
def test_one_window_without_progress_is_not_enough(windows: int, goes_on: bool) -> None:
    """A deep head rests on plateaus; the third window at one level ends it, as two are no lower than one before."""
    end = 40 + 20 * windows

    def loss(step: int) -> float:
        return 1.0 - 0.004 * min(step, 40) - 0.004 * max(0, step - end)

    assert (follow(loss)[0].step > 200) is goes_on


@pytest.mark.parametrize("shots", [1, 3, 10, 25])
def test_windows_are_whole_epochs(shots: int) -> None:
    """A loss that differs from shot to shot, and nothing else, has settled after three windows."""
    pace, _ = follow(lambda step: 0.1 + (step % shots) / shots, shots)
    width = SETTLING.width(shots)
    assert width % shots == 0 and width >= 20
    assert pace.settled and pace.step == 3 * width + 1 * width


def test_the_loss_is_measured_by_that_of_no_image() -> None:
    """Twice the entropy, twice the loss: the same steps."""
    settled = [SETTLING.settled([x * chance for x in (0.5, 0.46, 0.455, 0.452)], chance) for chance in (1, 2)]
    assert settled == [True, True]
    assert not SETTLING.settled([0.5, 0.46, 0.455, 0.44], 1.0)


def test_the_loss_is_read_once_a_window() -> None:
    """A device need not wait for the host at every step."""

    class Counted(torch.Tensor):
        read = 0

        def __float__(self) -> float:
            Counted.read += 1
            return super().__float__()

    pace = Pace(Schedule(settling=Settling(ceiling=100)), 1, chance=1.0)
    while not pace.over:
        pace.took(torch.tensor(1.0).as_subclass(Counted))
    assert Counted.read == 3


@pytest.mark.parametrize("name", ["quick", "medium"])
def test_the_short_schedules_settle(name: str) -> None:
    """For every head alike, with a ceiling, whatever the number of shots."""
    schedule = SCHEDULES[name]
    for head in ("linear", "mlp-2", "cnn-l", "of-a-plugin"):
        own = schedule.for_head(head)
        assert own.settling == schedule.settling is not None
        assert own.total(1) == own.total(10) == own.settling.ceiling


def test_fixed_steps_never_settle() -> None:
    """Of the paper's schedule nobody says whether its loss has settled."""
    pace = Pace(Schedule(steps=3), 1, chance=1.0)
    for _ in range(3):
        assert not pace.over
        pace.took(torch.tensor(1.0))
    assert pace.over and pace.settled is None
