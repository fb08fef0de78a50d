"""Draws of shots are the same for every backbone, and adding to them changes none that were there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.shots import ShotDraws, ShotsError, draw_shots

POOLS = st.lists(st.frozensets(st.integers(0, 4), min_size=1), min_size=4, max_size=9)
SEEDS = st.integers(-(2**31), 2**31)
NUMBERS = st.integers(1, 4)


@given(POOLS, NUMBERS, st.integers(1, 12), SEEDS)
def test_the_first_image_shows_the_most_classes(pool: list[frozenset[int]], shots: int, draws: int, seed: int) -> None:
    """One-shot picks a picture where every part can be seen, another one in each draw while there are any."""
    most = max(map(len, pool))
    complete = sum(len(classes) == most for classes in pool)
    firsts = [draw[0] for draw in draw_shots(pool, shots, draws, seed)]
    assert all(len(pool[first]) == most for first in firsts)
    assert len(set(firsts)) == min(draws, complete)


@given(POOLS, NUMBERS, NUMBERS, SEEDS)
def test_a_draw_is_of_different_images(pool: list[frozenset[int]], shots: int, draws: int, seed: int) -> None:
    """No image stands twice in a draw, and each is in the pool."""
    drawn = draw_shots(pool, shots, draws, seed)
    assert len(drawn) == draws
    for draw in drawn:
        assert len(draw) == len(set(draw)) == shots
        assert set(draw) <= set(range(len(pool)))


@given(POOLS, st.integers(1, 9), NUMBERS, st.integers(0, 9), SEEDS)
def test_more_leaves_what_there_was(
    pool: list[frozenset[int]], draws: int, shots: int, further: int, seed: int
) -> None:
    """More draws or more shots only add to the draws, so that a run can be added to."""
    few = draw_shots(pool, shots, draws, seed)
    assert draw_shots(pool, shots, draws + further, seed)[:draws] == few
    assert [draw[:shots] for draw in draw_shots(pool, 4, draws, seed)] == few


@given(POOLS, SEEDS)
def test_the_seed_decides(pool: list[frozenset[int]], seed: int) -> None:
    """The same seed draws the same."""
    assert draw_shots(pool, 3, 3, seed) == draw_shots(pool, 3, 3, seed)


def test_seeds_draw_differently() -> None:
    """Another seed draws others."""
    pool = [frozenset([0, 1])] * 40
    assert len({tuple(draw_shots(pool, 5, 1, seed)) for seed in (-1, 0, 1, 2)}) == 4


def test_a_pool_that_is_too_small() -> None:
    """More shots than images is one sentence."""
    with pytest.raises(ShotsError) as caught:
        draw_shots([frozenset([0])] * 3, 5, 1, 0)
    assert str(caught.value) == "5 shots cannot be drawn from a pool of 3 images; add images or ask for less"


def test_the_hash_of_a_manifest_tells_its_images() -> None:
    """Other names, another hash; the place in the pool does not matter."""
    manifest = ShotDraws(((0, 1), (2, 0)), (("a", "b"), ("c", "a")))
    assert manifest.hash != ShotDraws(((0, 1), (2, 0)), (("a", "b"), ("c", "d"))).hash
    assert manifest.hash == ShotDraws(((5, 6), (7, 5)), (("a", "b"), ("c", "a"))).hash


def test_a_head_sees_the_first_images_of_its_draw() -> None:
    """With k shots a head sees the first k, and the hash of what it saw is the same in a larger manifest."""
    manifest = ShotDraws(((0, 1), (2, 0)), (("a", "b"), ("c", "a")))
    assert manifest.shots(1, 1) == (2,)
    larger = ShotDraws(((0, 1, 4), (2, 0, 3), (1, 2, 3)), (("a", "b", "e"), ("c", "a", "d"), ("b", "c", "d")))
    assert manifest.seen(1, 1) == larger.seen(1, 1) != manifest.seen(0, 1)
