"""Pairs of images and labels on disk."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partbench.benchmark.segment.pairs import PairShape, PairStore


@settings(max_examples=10)
@given(st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_pairs_on_disk_are_read_as_they_were_written(first: int, more: int, soft: bool) -> None:
    """Images to a byte, masks exactly, logits to float16; and a store that was stopped knows how far it got."""
    random = torch.Generator().manual_seed(first * 10 + more)
    images = torch.rand(first + more, 3, 4, 4, generator=random)
    logits = 10 * torch.randn(first + more, 3, 4, 4, generator=random)
    targets = logits if soft else logits.argmax(1)
    with tempfile.TemporaryDirectory() as folder:
        shape = PairShape(first + more, 4, 3 if soft else None)
        PairStore(Path(folder), shape).append(images[:first], targets[:first])
        store = PairStore(Path(folder), shape)
        assert store.done == first
        store.append(images[first:], targets[first:])
        pictures, labels = store.read(list(reversed(range(first + more))))
        assert PairStore(Path(folder), replace(shape, count=99)).done == 0
        on_disk = sum(file.stat().st_size for file in Path(folder).glob("*.npy"))
    assert (pictures - images.flip(0)).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(labels, targets.half().float().flip(0)) if soft else torch.equal(labels, targets.flip(0))
    assert on_disk >= shape.bytes
