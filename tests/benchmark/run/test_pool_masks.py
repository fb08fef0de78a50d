"""The mask of a shot is read once, however many cells learn from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from partbench.benchmark.plan import Plan
from partbench.benchmark.run.pool_masks import PoolMasks
from partbench.benchmark.run.shot_guards import guard_shots
from partbench.benchmark.run.task import SegmentationTask
from partbench.datasets.dataset import IGNORE, Dataset, Splits

CLASSES = ("ground", "left", "right")


@dataclass
class Counted:
    """Ten images whose masks show the ground and, by turns, the left and the right; counts what is read."""

    strange: int = 0
    """The value of a pixel that has no class."""
    read: Counter[tuple[int, int]] = field(default_factory=Counter)

    def __len__(self) -> int:
        return 10

    def name(self, index: int) -> str:
        return f"image {index}"

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        return torch.zeros(len(indices), 3, size, size)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        self.read.update((index, size) for index in indices)
        masks = torch.zeros(len(indices), size, size, dtype=torch.int64)
        masks[:, 0] = 1 + torch.tensor([*indices])[:, None] % 2
        masks[:, 1] = IGNORE
        masks[:, 2, 0] = self.strange
        return masks


def plan(size: int = 8, draws: int = 4) -> Plan:
    return Plan("toys", ("pixels",), ("linear", "ridge"), (1, 3), draws, size=size, pool=10)


def test_no_mask_of_a_shot_is_read_twice() -> None:
    """But for the search for draws, which reads all of the pool once, whatever it is asked and by how many plans."""
    pool = Counted()
    task = SegmentationTask.open(Dataset("toys", CLASSES, lambda: Splits(pool, Counted(), Counted())), plan())
    vars(task)["contents"] = {}  # which read them too, and are not looked at here
    whole = [task, task.of(plan(draws=6)), task.of(plan())]
    for one in whole:
        guard_shots(one)
        for draw in range(one.plan.draws):
            for shots in one.plan.shots:
                rows = one.manifest.shots(draw, shots)
                assert torch.equal(one.shot_masks(draw, shots), Counted().masks(rows, 8))
    drawn = {row for one in whole for draw in one.manifest.draws for row in draw}
    assert pool.read == Counter({(row, 8): 1 + (row in drawn) for row in range(10)})


def test_masks_of_another_size_are_others() -> None:
    """A task of the same data at another size reads them again."""
    task = SegmentationTask.open(Dataset("toys", CLASSES, lambda: Splits(Counted(), Counted(), Counted())), plan())
    vars(task)["contents"] = {}
    assert task.shot_masks(0, 3).shape == (3, 8, 8)
    assert task.of(plan(size=16)).shot_masks(0, 3).shape == (3, 16, 16)


def test_what_an_image_shows_is_known_without_what_is_ignored() -> None:
    """In the order in which it is asked for."""
    assert PoolMasks(Counted(), 8).classes([3, 0, 3]) == [{0, 2}, {0, 1}, {0, 2}]


def test_a_value_that_no_byte_holds_stays_what_it_is() -> None:
    """It is no class, which a head that learns from it says; kept as a byte it would have become one."""
    for strange in (257, -1):
        masks = PoolMasks(Counted(strange), 8)
        assert [int(masks.of([1, 0])[0, 2, 0]) for _ in range(2)] == [strange] * 2 and not masks.kept


def test_a_mask_is_kept_as_bytes() -> None:
    """An eighth of what it is read as."""
    masks = PoolMasks(Counted(), 8)
    assert masks.of([1, 1]).dtype == torch.int64
    assert {row: mask.dtype for row, mask in masks.kept.items()} == {1: torch.uint8}
