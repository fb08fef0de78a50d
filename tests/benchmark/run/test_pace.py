"""The pace of a training follows its schedule, and its loss where that says when to end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partbench.benchmark.run.pace import AHEAD, Pace
from partbench.benchmark.run.schedules import SCHEDULES, Schedule, Settling

SETTLING = Settling(ceiling=400)


def follow(loss: Callable[[int], float], shots: int = 1, settling: Settling = SETTLING) -> tuple[Pace, list[float]]:
    """A training whose loss is known: its pace at the end, and the rate of every step."""
    pace, rates = Pace(Schedule(rate=1.0, settling=settling), shots, chance=1.0), list[float]()
    while not pace.over:
        planned = pace.rates()
        rates += planned
        pace.took([loss(pace.step + i) for i in range(len(planned))])
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


def test_the_rates_of_a_window_are_known_before_its_losses() -> None:
    """A device need not wait for the host at every step; and nobody has to plan more than `AHEAD` of them."""
    pace, planned = Pace(Schedule(settling=Settling(ceiling=400)), 1, chance=1.0), list[int]()
    while not pace.over:
        planned.append(len(pace.rates()))
        pace.took([1.0] * planned[-1])
    assert planned == [20, 20, 20, 20]
    fixed = Pace(Schedule(steps=2 * AHEAD + 7), 1, chance=1.0)
    assert len(fixed.rates()) == AHEAD
    fixed.took([1.0] * 2 * AHEAD)
    assert len(fixed.rates()) == 7


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from([1, 3, 5, 10]), st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_how_many_steps_are_taken_at_once_changes_nothing(seed: int, shots: int, cuts: list[int]) -> None:
    """A pace that is told its losses in other portions ends at the same step, with the same rates."""
    losses = (
        torch.rand(400, generator=torch.Generator().manual_seed(seed)) * 0.05 + torch.linspace(1, 0.2, 400)
    ).tolist()
    whole, rates = follow(lambda step: losses[step], shots)
    pace, portions = Pace(Schedule(rate=1.0, settling=SETTLING), shots, chance=1.0), list[float]()
    while not pace.over:
        portion = pace.rates()[: cuts[len(portions) % len(cuts)]]
        pace.took(losses[pace.step :][: len(portion)])
        portions += portion
    assert (pace.step, pace.settled, portions) == (whole.step, whole.settled, rates)


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
        pace.took([1.0])
    assert pace.over and pace.settled is None
