"""What several workers make of a plan is forecast from what its groups take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.cost.sharing import makespan, part_seconds, share
from partbench.benchmark.run.groups import Group

GROUPS = [Group(name, (0, 1, 2, 3), weight=weight) for name, weight in (("a", 8.0), ("b", 5.0), ("c", 4.0), ("d", 3.0))]
FIXED = 1.0
"""Seconds of every group, however few its draws."""


def seconds(group: Group) -> float:
    """Of which one describes images, and the rest goes with the draws."""
    whole = next(one.weight for one in GROUPS if one.backbone == group.backbone)
    return FIXED + (whole - FIXED) * len(group.draws) / 4


def test_two_workers_by_hand() -> None:
    """One has 8, and then 3; the other 5 and 4: two of their 22 seconds are idle."""
    two = share(GROUPS, seconds, 2)
    assert two and (two.seconds, two.alone, two.longest, two.longest_seconds) == (11, 20, GROUPS[0], 8)
    assert two.idle == pytest.approx(2 / 22)


def test_more_workers_than_groups_have_parts() -> None:
    """Each of which describes its images again: eight have 2 x (1 + half of the rest) of every group."""
    eight = share(GROUPS, seconds, 8)
    assert eight and eight.longest.name == "a draws 0-1"
    assert (eight.seconds, eight.longest_seconds) == (4.5, 4.5)
    assert eight.idle == pytest.approx(1 - (20 + 4 * FIXED) / (8 * 4.5))


def test_where_more_stop_paying() -> None:
    """A draw cannot be cut, so that 16 workers have one part each; 8 to 12 save nothing, and 16 do."""
    times = {n: found.seconds for n in (6, 8, 12, 16, 32) if (found := share(GROUPS, seconds, n))}
    assert times == {6: 4.5, 8: 4.5, 12: 4.5, 16: 2.75, 32: 2.75}
    found = share(GROUPS, seconds, 1)
    assert found and found.enough == 16
    whole = share([Group("a", (0,)), Group("b", (0,))], lambda group: 9.5 if group.backbone == "a" else 0.5, 1)
    assert whole and whole.enough == 1


def test_nothing_left_is_no_forecast() -> None:
    """As of a run that is done."""
    assert share(GROUPS, lambda group: 0.0, 4) is None


def test_a_part_of_the_slices_by_hand() -> None:
    """It loads and scales like any, and has its slices; of heads and shots at most as many parts have some."""
    stages = {"load": 1.0, "scale": 2.0, "shots": 12.0, "fit": 24.0, "score": 50.0}
    first, second = Group("a", (0, 1, 2), slices=5).cut(2)
    assert part_seconds(first, stages, 2) == pytest.approx(1 + 2 + 6 + 12 + 50 * 3 / 5)
    assert part_seconds(second, stages, 2) == pytest.approx(1 + 2 + 6 + 12 + 50 * 2 / 5)
    last = Group("a", (0,), slices=5).cut(4)[-1]
    assert part_seconds(last, stages, 2) == pytest.approx(1 + 2 + 12 + 12 + 50 * 1 / 5), "two of four have one each"
    assert part_seconds(Group("a", (0,)), stages, 2) == sum(stages.values())


def test_slices_go_on_where_draws_end() -> None:
    """One draw of a backbone by four workers: each has a quarter of its images, which are described once."""
    group = Group("a", (0,), slices=40, weight=41.0)
    stages = {"load": 1.0, "score": 40.0}
    four = share([group], lambda part: part_seconds(part, stages, 1), 4)
    assert four and (four.seconds, four.alone, four.idle) == (11, 41, 0)
    assert four.longest.name == "a part 1 of 4" and four.enough > 4
    assert share([replace(group, slices=0)], lambda part: part_seconds(part, stages, 1), 4).seconds == 41  # type: ignore[union-attr]


@given(st.lists(st.floats(0.1, 1e4), min_size=2, max_size=40), st.integers(1, 8))
def test_the_time_lies_between_its_bounds(times: list[float], workers: int) -> None:
    """No worker ends before its share or the longest, and none waits while a group does."""
    found = makespan(times, workers)
    assert max(sum(times) / workers, *times) <= found + 1e-6
    assert found <= sum(times) / workers + max(times) + 1e-6
