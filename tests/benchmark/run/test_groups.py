"""A plan falls into groups, and a group into parts, in one way whoever asks."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

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
    groups = groups_of(PLAN, OFFERS, seconds={"small": 100.0, "large": 10.0, COPY: 1.0})
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
    assert [group.part for group in cut] == [None] * min(parts, draws)
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


def sliced(draws: int = 5, test: int = 100, plan: Plan = PLAN) -> dict[str, Group]:
    """The groups of a plan with so many test images."""
    return {group.backbone: group for group in groups_of(replace(plan, draws=draws), OFFERS, test)}


@given(st.integers(1, 12), st.integers(1, 300), st.integers(2, 15))
def test_parts_of_slices_have_each_slice_once(draws: int, test: int, parts: int) -> None:
    """As many as there are slices at most, and all draws; they say which they are, and have a claim of their own."""
    whole = sliced(draws, test)["small"]
    assert whole.slices == -(-test // 16)
    cut = [group for group in whole.cut(parts) if group.part]
    if not cut:
        return
    assert len(cut) == min(parts, whole.slices)
    assert Counter(number for group in cut for number in group.own(whole.slices)) == Counter(range(whole.slices))
    assert {group.draws for group in cut} == {whole.draws}
    assert sum(group.weight for group in cut) == pytest.approx(whole.weight)
    assert cut[0].name == f"small part 1 of {len(cut)}" and cut[0].counted == "small"
    assert len({group.claims for group in cut}) == len(cut)


def test_slices_are_cut_where_draws_would_have_much_described_again() -> None:
    """That is of many test images; or where there are more slices than draws. What has no slices has its draws cut."""
    many, few = sliced(test=100)["small"], sliced(test=20)["small"]
    assert [group.name for group in many.cut(2)] == ["small part 1 of 2", "small part 2 of 2"]
    assert [group.name for group in few.cut(2)] == ["small draws 0-1", "small draws 2-4"]
    assert [group.part for group in many.cut(9)] == [(number, 7) for number in range(1, 8)]
    assert len(few.cut(9)) == 5 and few.cut(9)[0].part is None
    assert [group.part for group in sliced(draws=1, test=20)["small"].cut(9)] == [(1, 2), (2, 2)]
    assert [group.name for group in many.cut(2, by_slices=False)] == ["small draws 0-1", "small draws 2-4"]
    assert many.cut(1) == [many] and sliced(test=16)["large"].cut(1) == [sliced(test=16)["large"]]
    assert sliced()[COPY].slices == 0
    for heads in (("auto-shot:linear",), ("linear", "auto-shot:linear")):
        assert sliced(plan=replace(PLAN, heads=heads))["small"].slices == 0
    insid3 = replace(PLAN, backbones=("insid3:small",))
    assert [group.slices for group in groups_of(insid3, {"insid3:small": OFFERS["small"]}, 100)] == [0]
    assert [group.slices for group in groups_of(PLAN, OFFERS)] == [0, 0, 0], "of episodes"


def test_fewer_groups_than_workers_are_cut() -> None:
    """So that each has something to do; no others are."""
    for test in (0, 100):
        groups = groups_of(PLAN, OFFERS, test)
        assert cut_for(groups, 3) == groups
        assert len(cut_for(groups, 4)) == 6
        assert len(cut_for(groups, 100, by_slices=False)) == 15
    assert len(cut_for(groups, 100)) == 7 + 7 + 5
    assert cut_for(groups, 0) == groups


@given(st.lists(st.floats(0.1, 1e4), min_size=2, max_size=40), st.integers(1, 16))
def test_what_was_measured_to_take_longer_than_a_share_is_cut(weights: list[float], workers: int) -> None:
    """Into parts that do not, as far as it can be; nothing else is, where there are enough groups."""
    groups = [Group(f"b{i}", (0,), weight=weight, slices=1000) for i, weight in enumerate(weights)]
    cut, share = cut_for(groups, workers, measured=True), sum(weights) / workers
    parts = Counter(group.backbone for group in cut)
    assert sum(group.weight for group in cut) == pytest.approx(sum(weights))
    assert all(group.weight <= 1.1 * share for group in cut), "a slice more than others, of a thousand"
    if len(groups) >= workers:
        assert all(parts[group.backbone] == 1 for group in groups if group.weight <= share)
        assert cut_for(groups, workers) == longest_first(groups)


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
