"""Maps of shots: held where there is room, described again where there is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from partbench.backbones.backbone import Backbone
from partbench.benchmark.machine import MemoryLimit
from partbench.benchmark.run.features import FeatureSource
from partbench.benchmark.run.shot_features import ShotMaps

CPU = torch.device("cpu")


@dataclass
class Pool:
    """Images whose numbers are their index."""

    count: int
    read: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return str(index)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        self.read += indices
        return torch.stack([torch.full((3, size, size), i / 100) for i in indices])

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        return torch.zeros(len(indices), size, size, dtype=torch.long)


@dataclass
class Counting:
    """Inverts, and counts the images that it describes."""

    inverted: int = 0
    described: list[float] = field(default_factory=list)

    def __call__(self, images: Tensor) -> list[Tensor]:
        return self.maps(self.invert(images))

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        self.inverted += len(images)
        return {"w": images[:, :, :1, :1] * 3}

    def maps(self, codes: Mapping[str, Tensor]) -> list[Tensor]:
        self.described += (codes["w"][:, 0, 0, 0] / 3 * 100).round().tolist()
        return [codes["w"].expand(-1, -1, 4, 4) + 1, codes["w"] * 2]

    def reconstruct(self, codes: Mapping[str, Tensor]) -> Tensor:
        return codes["w"].expand(-1, -1, 8, 8)


@dataclass(frozen=True)
class Left(MemoryLimit):
    """Room that says how much is left."""

    def left(self) -> int | None:
        return self.most


IMAGE = 4 * (3 * 16 + 3)
"""Bytes of the maps of one image."""


@pytest.mark.parametrize("inverts", [True, False])
@pytest.mark.parametrize("images_held", [None, 0, 2, 3, 6])
@pytest.mark.parametrize("at_first", [True, False])
def test_maps_that_are_not_held_are_described_again(
    images_held: int | None, inverts: bool, at_first: bool, tmp_path: Path
) -> None:
    """To the same bits, never more of them at once than there is room for, and inverted once, at first or when read."""
    counting = Counting()
    backbone = Backbone("counting", 8, (3, 3), lambda: counting if inverts else partial(Counting.__call__, counting))
    room = None if images_held is None else Left(CPU, 2 * images_held * IMAGE)
    source, pool = FeatureSource.open(backbone, CPU, tmp_path, room), Pool(6)
    source.measure([pool.images([0, 5], 8)], "rms")
    counting.described.clear()
    told: list[list[int]] = []
    shots = ShotMaps(source, pool, [[0, 1], [2], [4, 5]], told.append)
    if at_first:
        shots.enter()
    assert len(told) == 3 * at_first
    reference = FeatureSource.open(backbone, CPU, tmp_path)
    reference.shift, reference.scale = source.shift, source.scale
    for rows in ([0, 2], [4, 5], [1, 2]):
        shots.want(rows)
        for row in rows * 3:
            for one, other in zip(shots.of(row), reference.maps(pool.images([row], 8)), strict=True):
                assert torch.equal(one, other)
            held = sum(len(maps[0]) for maps in shots.held.values())
            assert images_held is None or held <= images_held
    assert sorted(told) == [[0, 1], [2], [4, 5]], "each once"
    counting.described.clear()
    shots.of(1)
    again = images_held is not None and images_held < 2
    assert counting.described == ([0, 1] if again else [])
    if inverts:
        assert counting.inverted == len({0, 1, 2, 4, 5})
