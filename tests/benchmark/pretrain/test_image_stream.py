"""The stream of images of a training: shuffled by epochs, repeatable, read once where they fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from partbench.benchmark.pretrain import image_stream
from partbench.benchmark.pretrain.image_stream import ImageStream
from partbench.datasets.dataset import DatasetError
from partbench.datasets.faces import open_faces


class Numbered:
    """A split whose image i has the value i / 255 in its left half and 0 in its right; counts what is read."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return str(index)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        self.read.extend(indices)
        images = torch.zeros(len(indices), 3, size, size)
        images[:, :, :, : size // 2] = torch.tensor(indices)[:, None, None, None] / 255
        return images

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        raise DatasetError("no masks")


def values(images: Tensor) -> list[int]:
    """Which images of a `Numbered` these are, mirrored or not."""
    return [round(value * 255) for value in images.amax((1, 2, 3)).tolist()]


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 3))
def test_every_image_is_seen_once_per_epoch(count: int, batch: int, seed: int) -> None:
    """Batch after batch, every `count` images of the stream are a permutation, a batch larger than the split too."""
    images = ImageStream(Numbered(count), 4, batch, seed)
    seen: list[int] = []
    for position in range(0, 3 * count * batch, batch):
        found = values(images.at(position)[0])
        assert len(found) == batch
        seen += found
    for epoch in range(len(seen) // count):
        assert sorted(seen[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_a_position_always_has_the_same_batch() -> None:
    """Whoever asks, in whatever order; another seed has another order, every epoch its own."""
    one, other = ImageStream(Numbered(50), 4, 8, 1, mirror=True), ImageStream(Numbered(50), 4, 8, 1, mirror=True)
    batches = [one.at(position)[0] for position in range(0, 200, 8)]
    for position in reversed(range(0, 200, 8)):
        assert torch.equal(other.at(position)[0], batches[position // 8])
    long = [values(ImageStream(Numbered(50), 4, 50, seed).at(p)[0]) for seed, p in ((1, 0), (1, 50), (2, 0))]
    assert long[0] != long[1] and long[0] != long[2]


def test_a_limit_takes_the_first_images() -> None:
    """No other image is ever read; a limit above the number of images changes nothing."""
    split = Numbered(20)
    images = ImageStream(split, 4, 5, 0, limit=5)
    assert (len(images), sorted(values(images.at(0)[0]))) == (5, [0, 1, 2, 3, 4])
    assert max(split.read) == 4
    assert len(ImageStream(split, 4, 5, 0, limit=30)) == 20


@pytest.mark.parametrize(("count", "limit"), [(0, None), (5, 0), (5, -1)])
def test_a_stream_of_nothing_is_refused(count: int, limit: int | None) -> None:
    """Without images there is nothing to learn from."""
    with pytest.raises(DatasetError, match=f"of {count} images leave nothing to learn from; raise --limit"):
        ImageStream(Numbered(count), 4, 5, 0, limit=limit)


def test_processes_read_what_the_stream_would() -> None:
    """Images read ahead by two processes are those that are read one batch after the other, with the same hashes."""
    split, counts = open_faces().test, []
    ahead, along = (ImageStream(split, 16, 8, 0, limit=150, masks=True) for _ in range(2))
    ahead.fill(2, counts.append)
    assert (counts[-1], len(counts)) == (150, 3)
    for position in range(0, 152, 8):
        for one, other in zip(ahead.at(position), along.at(position), strict=True):
            assert one is not None and other is not None and torch.equal(one, other)
    assert np.array_equal(ahead.hash, along.hash)


def test_mirroring_shows_both_sides() -> None:
    """With it about half of the images are mirrored, without it none."""
    plain, mirrored = (ImageStream(Numbered(100), 4, 100, 0, mirror=mirror).at(0)[0] for mirror in (False, True))
    assert values(plain) == values(mirrored)
    lit = [images[:, 0, 0, 0] > 0 for images in (plain, mirrored)]  # of all but image 0
    assert lit[0].sum() == 99
    assert 30 < lit[1].sum() < 70
    assert (plain == torch.where(lit[1][:, None, None, None], mirrored, mirrored.flip(3))).all()


def test_images_that_fit_are_read_once() -> None:
    """Three epochs of a small split read every file once, in whole bytes."""
    split = Numbered(10)
    images = ImageStream(split, 4, 4, 0)
    for position in range(0, 32, 4):
        images.at(position)[0]
    assert sorted(split.read) == list(range(10))


def test_images_that_do_not_fit_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream is the same; nothing is kept."""
    kept = [ImageStream(Numbered(10), 4, 4, 0).at(position)[0] for position in (0, 8)]
    monkeypatch.setattr(image_stream, "CACHE", 10 * 3 * 4 * 4 - 1)
    split = Numbered(10)
    images = ImageStream(split, 4, 4, 0)
    for expected, position in zip(kept, (0, 8), strict=True):
        torch.testing.assert_close(images.at(position)[0], expected)
    assert len(split.read) == 8
    assert images.bytes.numel() == 0
