"""A rehearsal measures what every stage of a run takes, on a few images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from partbench.backbones.backbone import Backbone
from partbench.benchmark.cost import feature_timing
from partbench.benchmark.cost.feasibility import extent_of
from partbench.benchmark.cost.rehearsal import Rehearsal
from partbench.benchmark.plan import Plan
from partbench.benchmark.plugins.catalogue import Offer
from partbench.benchmark.run.schedules import SCHEDULES
from partbench.benchmark.run.task import SegmentationTask
from partbench.datasets.dataset import Dataset, Splits
from partbench.heads.cnn import NETWORKS, Cnn
from partbench.heads.head import Head
from partbench.heads.knn import BANK, Knn
from partbench.heads.linear import Linear
from partbench.heads.mlp import NETWORKS as MLPS
from partbench.heads.mlp import Mlp
from partbench.heads.ridge import Ridge


@dataclass
class Noise:
    """Pictures and masks from seeds."""

    first: int

    def __len__(self) -> int:
        return 12

    def name(self, index: int) -> str:
        return str(self.first + index)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        return torch.stack([torch.rand(3, size, size, generator=self._seed(i)) for i in indices])

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        return torch.stack([torch.randint(3, (size, size), generator=self._seed(i)) for i in indices])

    def _seed(self, index: int) -> torch.Generator:
        return torch.Generator().manual_seed(self.first + index)


@dataclass
class Inverting:
    """A slow one that counts what it inverts."""

    inverted: int = 0

    def __call__(self, images: Tensor) -> Sequence[Tensor]:
        return self.maps(self.invert(images))

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        self.inverted += len(images)
        return {"w": images}

    def maps(self, codes: Mapping[str, Tensor]) -> Sequence[Tensor]:
        return [codes["w"], torch.nn.functional.avg_pool2d(codes["w"], 2)]

    def reconstruct(self, codes: Mapping[str, Tensor]) -> Tensor:
        return codes["w"]


PLAN = Plan("noise", ("slow",), ("linear", "mlp", "cnn"), shots=(1, 2), draws=2, size=16, test=5)


RECORDS = {
    "linear": Head("linear", Linear),
    "mlp": Head("mlp", lambda channels, classes: Mlp(channels, classes, MLPS["1"])),
    "cnn": Head("cnn", lambda channels, classes: Cnn(channels, classes, NETWORKS["S"])),
    "ridge": Head("ridge", Ridge),
    "knn": Head("knn", Knn),
}


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    splits = Splits(Noise(0), Noise(100), unlabelled=Noise(200))
    task = SegmentationTask.open(Dataset("noise", ("a", "b", "c"), lambda: splits), PLAN)
    return Rehearsal(task, RECORDS, torch.device("cpu"), tmp_path / "codes")


def test_a_rehearsal_measures_every_stage(rehearsal: Rehearsal) -> None:
    """What it inverts is kept and counts as done; heads say how they read eq. (1)."""
    slow = Inverting()
    figures = rehearsal.figures(Offer(Backbone("slow", 16, (3, 3), load=lambda: slow), "toys 1"), PLAN.heads)
    assert figures.error is None
    assert slow.inverted == 10
    extent = extent_of(rehearsal.task)
    assert (extent.scale, extent.test, extent.classes) == (12, 5, 3)
    assert figures.missing == {"scale": 2, "shots": extent.used, "test": 5}
    assert extent.shots[1] == 2
    assert (figures.channels, figures.maps) == (6, 4 * 3 * (16**2 + 8**2))
    assert figures.code > 3 * 16 * 16 * 4
    assert {name: head.strategy for name, head in figures.heads.items()} == {
        "linear": "projected",  # 512 pixels are more than there are
        "mlp": "projected",
        "cnn": "projected",
    }
    assert figures.heads["linear"].parameters == 4 * (6 * 3 + 3)
    assert all(head.step > 0 and head.image > 0 for head in figures.heads.values())
    assert extent.steps("linear", 2) == SCHEDULES["quick"].total(2) == 400
    again = rehearsal.figures(Offer(Backbone("slow", 16, (3, 3), load=lambda: slow), "toys 1"), PLAN.heads)
    assert slow.inverted == 10
    assert again.heads == figures.heads


def test_a_head_that_is_solved_has_no_steps(rehearsal: Rehearsal) -> None:
    """Its solution is timed instead, its state counted whole, and how often it asks for a shot."""
    offer = Offer(Backbone("slow", 16, (3, 3), load=Inverting), "toys 1")
    figures = rehearsal.figures(offer, ("ridge", "knn"))
    assert figures.error is None
    for name, reads in (("ridge", 2.5), ("knn", 1)):
        head = figures.heads[name]
        assert (head.step, head.strategy, head.training) == (0, "solved", 0) and head.image > 0
        assert head.solve and head.solve.reads == reads
        assert set(head.solve.measured) == set(PLAN.shots) and min(head.solve.measured.values()) > 0
    assert figures.heads["ridge"].parameters == 4 * (6 * 3 + 3)
    assert figures.heads["knn"].parameters == BANK * (4 * 6 + 8)


def test_a_solution_is_measured_with_as_many_shots_as_a_run_has(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two do not tell what ten take, nor ten what twelve."""
    asked: list[int] = []
    monkeypatch.setattr(Ridge, "solve", lambda self, shot, masks: asked.append(len([shot(0) for _ in masks])))
    more = replace(rehearsal, task=replace(rehearsal.task, plan=replace(PLAN, shots=(1, 5, 10, 12))))
    figures = more.figures(Offer(Backbone("slow", 16, (3, 3), load=Inverting), "toys 1"), ("ridge",))
    assert figures.error is None
    solve = figures.heads["ridge"].solve
    assert solve and set(solve.measured) == set(asked) == {1, 5, 10, 12}


@dataclass
class Long(Inverting):
    """Takes a thousand steps of 5 ms, by a clock of its own."""

    steps: int = 1000
    clock: float = 0.0

    def attempt(self, images: Tensor, steps: int) -> dict[str, Tensor]:
        self.clock += 0.005 * steps
        return {"w": images}

    def timed(self, _device: torch.device, work: Callable[[], Any]) -> tuple[float, Any]:
        before, result = self.clock, work()
        return self.clock - before, result


def test_a_long_inversion_is_told_by_its_first_steps(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not kept: a run has all of them to do."""
    monkeypatch.setattr(feature_timing, "PATIENCE", 1.0)
    long = Long()
    monkeypatch.setattr(feature_timing, "time_call", long.timed)
    figures = rehearsal.figures(Offer(Backbone("long", 16, (3, 3), load=lambda: long), "toys 1"), ("linear",))
    assert figures.error is None
    assert long.inverted == 0
    assert figures.invert == pytest.approx(5)
    assert figures.missing["scale"] == 12
    assert figures.code > 3 * 16 * 16 * 4
    assert figures.maps == 4 * 3 * (16**2 + 8**2)
    assert figures.heads["linear"].step > 0


def test_a_backbone_that_fails_has_its_reason(rehearsal: Rehearsal) -> None:
    """The others are measured."""

    def fail() -> Any:
        raise OSError("no such weights")

    assert (
        rehearsal.figures(Offer(Backbone("x", 16, (3,), load=fail), "toys 1"), ()).error == "OSError: no such weights"
    )
