"""The order of shots is decided by a seed alone."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from partbench.benchmark.run.shot_order import ShotOrder


@given(st.integers(1, 10), st.integers(0, 2**32), st.integers(1, 4))
def test_every_epoch_shows_every_shot_once(shots: int, seed: int, epochs: int) -> None:
    """In an order of its own."""
    seen, _ = ShotOrder(shots, None, 8, seed).take(shots * epochs)
    for epoch in range(epochs):
        assert sorted(seen[epoch * shots :][:shots]) == list(range(shots))


@given(st.integers(1, 10), st.integers(0, 2**32), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_how_many_steps_are_asked_for_at_once_changes_nothing(shots: int, seed: int, cuts: list[int]) -> None:
    """Neither the shots nor their pixels, which are flat indices into the image."""
    whole, pixels = ShotOrder(shots, 16, 8, seed).take(sum(cuts))
    order = ShotOrder(shots, 16, 8, seed)
    portions = [order.take(cut) for cut in cuts]
    assert [shot for part, _ in portions for shot in part] == whole
    assert pixels is not None and pixels.shape == (sum(cuts), 16) and pixels.min() >= 0 and pixels.max() < 64
    assert torch.equal(torch.cat([part for _, part in portions if part is not None]), pixels)
