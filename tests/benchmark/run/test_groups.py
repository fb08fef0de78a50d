"""A plan falls into groups, and a group into parts, in one way whoever asks."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partbench.backbones.backbone import Backbone
from partbench.benchmark.plan import COPY, SUPERVISED, Plan
from partbench.benchmark.plugins.catalogue import Offer
from partbench.benchmark.run.groups import Group, ShardError, cut_for, groups_of, longest_first, shard_of

PLAN = Plan("faces", ("small", "large", COPY), ("linear", "ridge"), shots=(1, 5), draws=5)
RECORDS = [Backbone("small", 16, (3,), lambda: None), Backbone("large", 64, (8, 8), lambda: None)]  # type: ignore[arg-type,return-value]
OFFERS = {record.name: Offer(record, "toys") for record in RECORDS}


def test_a_group_is_a_backbone_with_all_its_heads_and_draws() -> None:
    """The longest comes first, and together they are the plan."""
    groups = groups_of(PLAN, OFFERS)
    assert [group.name for group in groups] == ["large", "small", COPY]
    assert Counter(cell for group in groups for cell in group.cells(PLAN)) == Counter(PLAN.cells())


def test_forecasts_say_which_is_longest() -> None:
    """Where there are any, sizes count no more."""
    groups = groups_of(PLAN, OFFERS, {"small": 100.0, "large": 10.0, COPY: 1.0})
    assert [(group.name, group.weight) for group in groups] == [("small", 100), ("large", 10), (COPY, 1)]


def test_a_taught_control_weighs_more_than_a_copy() -> None:
    """As it trains a network per cell."""
    plan = Plan("faces", (COPY, SUPERVISED), (), draws=2)
    assert [group.name for group in groups_of(plan, {})] == [SUPERVISED, COPY]


@given(st.integers(1, 12), st.integers(1, 15))
def test_a_cut_group_has_the_same_cells(draws: int, parts: int) -> None:
    """Each once, in parts of the same number of draws, give or take one, which say which they are."""
    plan = Plan("faces", ("small",), ("linear",), draws=draws)
    (whole,) = groups_of(plan, OFFERS)
    cut = whole.cut(parts)
    assert len(cut) == min(parts, draws)
    assert Counter(cell for group in cut for cell in group.cells(plan)) == Counter(plan.cells())
    sizes = [len(group.draws) for group in cut]
    assert max(sizes) - min(sizes) <= 1
    assert sum(group.weight for group in cut) == pytest.approx(whole.weight)
    assert len({group.name for group in cut}) == len(cut)


def test_parts_are_named_by_their_draws() -> None:
    """For people, and for whoever claims them: a part and the whole have a claim in common."""
    whole = Group("timm:a", (0, 1, 2))
    first, second = whole.cut(2)
    assert (whole.name, first.name, second.name) == ("timm:a", "timm:a draw 0", "timm:a draws 1-2")
    assert {*first.claims, *second.claims} == {*whole.claims} and not {*first.claims} & {*second.claims}


def test_fewer_groups_than_workers_are_cut() -> None:
    """So that each has something to do; no others are, since every part describes the test images again."""
    groups = groups_of(PLAN, OFFERS)
    assert cut_for(groups, 3) == groups
    assert len(cut_for(groups, 4)) == 6
    assert len(cut_for(groups, 100)) == 15


@given(st.lists(st.floats(0.1, 1e4), min_size=1, max_size=40), st.integers(1, 8))
def test_shards_are_the_plan(weights: list[float], count: int) -> None:
    """Each group is in one of them, and none has more than its share and the longest group."""
    groups = [Group(f"b{i}", (0,), weight=weight) for i, weight in enumerate(weights)]
    shards = [shard_of(groups[::-1], number, count) for number in range(1, count + 1)]
    assert longest_first([group for shard in shards for group in shard]) == longest_first(groups)
    loads = [sum(group.weight for group in shard) for shard in shards]
    assert max(loads) <= sum(weights) / count + max(weights) + 1e-6


@pytest.mark.parametrize("number", [0, 4])
def test_there_is_no_shard_beyond(number: int) -> None:
    """They are counted from 1."""
    with pytest.raises(ShardError, match=f"there is no shard {number}/3"):
        shard_of(groups_of(PLAN, OFFERS), number, 3)
