"""Pairs of images and labels on disk."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
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
        on_disk = sum(file.stat().st_size for file in Path(folder).glob("*.bin"))
    assert (pictures - images.flip(0)).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(labels, targets.half().float().flip(0)) if soft else torch.equal(labels, targets.flip(0))
    assert on_disk >= shape.bytes


@pytest.mark.parametrize("name", ["images.bin", "targets.bin", "done.json"])
def test_pairs_that_are_not_what_was_written_are_made_again(tmp_path: Path, name: str) -> None:
    """Whichever bit of their files is flipped: in one sentence, and from the first of them."""
    shape, said = PairShape(3, 4, 2), list[str]()
    random = torch.Generator().manual_seed(0)
    PairStore(tmp_path, shape).append(
        torch.rand(3, 3, 4, 4, generator=random), torch.randn(3, 2, 4, 4, generator=random)
    )
    written = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for place in range(0, 8 * len(written[name]), 37):
        for other, data in written.items():
            (tmp_path / other).write_bytes(data)
        assert PairStore(tmp_path, shape, said.append).done == 3
        flipped = bytearray(written[name])
        flipped[place // 8] ^= 1 << place % 8
        (tmp_path / name).write_bytes(flipped)
        assert PairStore(tmp_path, shape, said.append).done == 0
        assert said.pop().startswith(f"{tmp_path} is set aside (it") and not said
