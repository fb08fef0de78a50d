"""Batches that are read ahead are those of the stream."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from partbench.benchmark.pretrain.read_ahead import ReadAhead


class Stream:
    """Batches of one number, their position; remembers what was read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def at(self, position: int) -> tuple[Tensor, Tensor | None]:
        self.read.append(position)
        return torch.full((2, 1), float(position)), torch.full((2,), position)


def test_a_cpu_reads_what_it_is_asked_for() -> None:
    """Nothing else."""
    stream = Stream()
    batches = ReadAhead(stream, torch.device("cpu"))  # type: ignore[arg-type]
    batches.at(4, 8)
    batches.close()
    assert stream.read == [4]


def test_a_gpu_has_the_next_batch_read_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is read once, in the order of the steps; one that was not foreseen is read when it is asked for."""
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(ReadAhead, "_send", lambda self, batch: batch)
    stream = Stream()
    batches = ReadAhead(stream, torch.device("cuda"))  # type: ignore[arg-type]
    for position, following in ((0, 4), (4, 8), (20, 24)):
        images, masks = batches.at(position, following)
        assert masks is not None
        assert images.eq(position).all() and masks.eq(position).all()
    batches.close()
    assert stream.read[:3] == [0, 4, 8] and set(stream.read[3:]) <= {20, 24}
