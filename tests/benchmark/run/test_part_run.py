"""The test slices of a backbone in parts have the scores of the whole, and no image is tested twice."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone
from partbench.benchmark.gallery import picture_file, read_pictures
from partbench.benchmark.plan import Plan
from partbench.benchmark.plugins.catalogue import Offer
from partbench.benchmark.reporter import Listener
from partbench.benchmark.results import CellResult
from partbench.benchmark.run import shared_heads
from partbench.benchmark.run.claims import Claims
from partbench.benchmark.run.groups import Group
from partbench.benchmark.run.journal import Journal
from partbench.benchmark.run.runner import Runner
from partbench.benchmark.run.schedules import SCHEDULES, Schedule
from partbench.benchmark.run.task import SegmentationTask
from partbench.benchmark.run_folder import RunFolder
from partbench.datasets.dataset import Dataset, Splits
from partbench.heads.head import Head
from partbench.heads.linear import Linear

SIDE = 8
PLAN = Plan("squares", ("slow",), ("linear", "other"), shots=(1, 2), draws=2, size=SIDE, pool=6, test=70)
"""Seventy test images of a small backbone go in five slices, the last of them shorter."""
SLICES = 5
CellsOf = Callable[[Path], dict[str, Any]]


@dataclass
class Squares:
    """Pictures of a bright square on a dark ground, a number in one corner; the mask is the square."""

    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"square {self.first + index}"

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        masks = torch.zeros(len(indices), size, size, dtype=torch.int64)
        for mask, index in zip(masks, indices, strict=True):
            x, y = (self.first + index) % 5, (self.first + index) // 5 % 5
            mask[y : y + 3, x : x + 3] = 1
        return masks

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        grey = 0.3 + 0.4 * self.masks(indices, size).float()[:, None].expand(-1, 3, -1, -1)
        noise = torch.linspace(0, 0.5, 3 * size * size).reshape(3, size, size)
        images = torch.stack([grey[n] + noise.roll(self.first + i, 2) for n, i in enumerate(indices)])
        images[:, 0, -1, -1] = torch.tensor([(self.first + index) / 1000 for index in indices])
        return images


@dataclass
class Slow:
    """Inverts; counts the images that it inverts, and those that it gives maps of, by their numbers."""

    inverted: Counter[int] = field(default_factory=Counter)
    described: Counter[int] = field(default_factory=Counter)
    fails: int = -1
    """The image that it fails on."""

    def __call__(self, images: Tensor) -> Sequence[Tensor]:
        return self.maps(self.invert(images))

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        self.inverted.update(numbers(images))
        return {"w": images / 2}

    def maps(self, codes: dict[str, Tensor]) -> Sequence[Tensor]:
        shown = numbers(codes["w"] * 2)
        self.described.update(shown)
        if self.fails in shown:
            raise ValueError("this one is too dark")
        return [codes["w"] * 2, torch.nn.functional.avg_pool2d(codes["w"], 2)]

    def reconstruct(self, codes: dict[str, Tensor]) -> Tensor:
        return (codes["w"] * 2).round(decimals=1)


def numbers(images: Tensor) -> list[int]:
    return [round(1000 * float(corner)) for corner in images[:, 0, -1, -1]]


DATASET = Dataset(
    "squares", ("ground", "square"), lambda: Splits(Squares(0, 9), Squares(100, 80), unlabelled=Squares(200, 20))
)


@dataclass
class Listening(Listener):
    """Keeps what it hears."""

    problems: list[str] = field(default_factory=list)
    cells: list[CellResult] = field(default_factory=list)

    def cell_finished(self, result: CellResult) -> None:
        self.cells.append(result)

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)


@dataclass
class Bench:
    """Runs a plan into one folder, in parts that have their turns one after the other."""

    root: Path
    slow: Slow = field(default_factory=Slow)
    heads: dict[str, Head] = field(default_factory=lambda: {n: Head(n, Linear) for n in PLAN.heads})
    heard: Listening = field(default_factory=Listening)

    @property
    def path(self) -> Path:
        return self.root / "run"

    def runner(self, parts: int, plan: Plan = PLAN) -> Runner:
        offer = Offer(Backbone("slow", SIDE, (3, 3), lambda: self.slow), "toys")
        heads = {name: Offer(head, "toys") for name, head in self.heads.items()}
        whole = Group("slow", tuple(range(plan.draws)), slices=SLICES)
        self.slow, self.heard = replace(self.slow, inverted=Counter(), described=Counter()), Listening()
        return Runner(
            plan, SegmentationTask.open(DATASET, plan), {"slow": offer}, heads, RunFolder(self.path),
            torch.device("cpu"), self.root / "codes", {"versions": {}}, self.heard, groups=whole.cut(parts),
        )  # fmt: skip

    def run(self, parts: int, plan: Plan = PLAN) -> None:
        self.runner(parts, plan).run()

    def work(self) -> list[str]:
        lines = Journal(self.path).read()
        return [f"{line['unit']} {line['of']}" for line in lines if line["unit"] in ("scale", "shots", "fit", "score")]

    def twice(self) -> list[str]:
        return [unit for unit, times in Counter(self.work()).items() if times > 1]

    def left_behind(self) -> list[str]:
        return [*os.listdir(self.path / "units"), *os.listdir(Claims(self.path).folder)]


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEDULES, "quick", Schedule(rate=0.05, steps=15))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def alone(tmp_path: Path, cells_of: CellsOf) -> dict[str, Any]:
    """The cells of a run that is not cut."""
    bench = Bench(tmp_path / "alone")
    bench.run(1)
    return cells_of(bench.path)


@pytest.mark.parametrize("parts", [2, 3, SLICES])
def test_parts_are_the_whole(alone: dict[str, Any], cells_of: CellsOf, bench: Bench, parts: int) -> None:
    """To the bit, errors of reconstruction included; every test image is described by one of them."""
    bench.run(parts)
    assert cells_of(bench.path) == alone
    assert all(len(cell["provenance"]["reconstruction error"]) == 70 for cell, _ in alone.values())
    tested = {number: times for number, times in bench.slow.described.items() if 100 <= number < 200}
    assert tested == dict.fromkeys(range(100, 170), 1)
    assert max(bench.slow.inverted.values()) == 1
    assert bench.twice() == []
    scored = [f"slow {number}" for number in range(SLICES)]
    assert sorted(unit for unit in bench.work() if unit.startswith("score")) == [f"score {of}" for of in scored]
    assert [unit for unit in bench.work() if unit.startswith("scale")] == [
        f"scale slow part {number} of {parts}" for number in range(1, parts + 1)
    ]
    assert len(bench.heard.cells) == len(alone) and bench.heard.problems == []
    assert {"images", "truth", "linear 1", "other 2"} < read_pictures(picture_file(bench.path, "slow")).keys()
    assert bench.left_behind() == []


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("turns", [1, 2])
def test_what_some_parts_have_done_is_gone_on_with(
    alone: dict[str, Any], cells_of: CellsOf, bench: Bench, turns: int, parts: int
) -> None:
    """In the same number of parts, or in another, or by one that does what is left: nothing stored is made again."""
    first = bench.runner(2)
    first.folder.path.mkdir()
    first._write_plan()
    for group in first.groups[:turns]:
        first.score(group)
    written = turns == 2
    assert bool(cells_of(bench.path)) is written
    assert [bool(first.left(group)) for group in first.groups] == [False, turns == 1]
    bench.run(parts)
    assert cells_of(bench.path) == alone
    assert not [unit for unit in bench.twice() if unit.split()[0] in ("fit", "score")]
    assert bench.left_behind() == ([] if turns == 1 else ["slow"]), "as of any run that is stopped at its very end"


def test_a_slice_that_is_damaged_meanwhile_is_scored_again(
    alone: dict[str, Any], cells_of: CellsOf, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the part that has it, in another turn, when all have had theirs."""
    runner = bench.runner(2)
    score = type(runner).score

    def damage(self: Runner, group: Group) -> None:
        score(self, group)
        if group.part == (1, 2) and not damaged:
            damaged.append(next(self.folder.path.rglob("slice-00002-*.npz")))
            damaged[0].write_bytes(damaged[0].read_bytes()[:-1])

    damaged: list[Path] = []
    monkeypatch.setattr(Runner, "score", damage)
    runner.run()
    assert cells_of(bench.path) == alone
    assert [unit for unit in bench.twice() if not unit.startswith("scale")] == ["score slow 2"]
    assert any("is set aside" in sentence for sentence in bench.heard.problems)
    assert bench.left_behind() == []


def test_heads_that_another_trains_are_waited_for(
    alone: dict[str, Any], cells_of: CellsOf, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a sentence; meanwhile a part inverts its own test images, and no others."""
    monkeypatch.setattr(shared_heads, "LONG", 0.0)
    monkeypatch.setattr(shared_heads, "PAUSE", 0.01)
    runner, theirs = bench.runner(2), Claims(bench.path)
    claim = theirs.take(*(f"slow--{head}--{shared_heads.HEADS}{draw}" for head in PLAN.heads for draw in (0, 1)))
    assert claim
    own, inverted, end = [*range(100, 116), *range(132, 148), *range(164, 170)], list[int](), time.monotonic() + 30

    def let_go() -> None:
        while not {*own} <= bench.slow.inverted.keys() or not bench.heard.problems:
            if time.monotonic() > end:
                break
            time.sleep(0.01)
        inverted.extend(number for number in bench.slow.inverted if 100 <= number < 200)
        theirs.release(claim)

    thread = threading.Thread(target=let_go)
    thread.start()
    runner.run()
    thread.join()
    assert sorted(inverted) == own
    what = f"heads of slow are trained by another worker ({claim.holder})"
    assert bench.heard.problems == [f"{what}; slow part 1 of 2 waits for them"]
    assert cells_of(bench.path) == alone and bench.twice() == []


@pytest.mark.parametrize("parts", [2, 3])
def test_a_head_that_cannot_be_trained_is_tried_once(bench: Bench, parts: int, cells_of: CellsOf) -> None:
    """Its failure is its result for all parts, and of a later run to be tried again; the others have their scores."""
    built: list[int] = []

    def build(channels: tuple[int, ...], classes: int) -> nn.Module:
        built.append(1)
        raise ValueError("no such layer")

    bench.heads["other"] = Head("other", build)
    bench.run(parts)
    found = cells_of(bench.path)
    reasons = Counter(cell["error"] for cell, _ in found.values())
    assert reasons == {None: 4, "other (toys) failed on slow: ValueError: no such layer": 4}
    assert len(bench.heard.cells) == 8 and len(bench.heard.problems) == 1
    assert len(built) == 4
    assert bench.twice() == []
    assert bench.left_behind() == []
    bench.heads["other"] = Head("other", Linear)
    bench.run(parts)
    assert all(cell["error"] is None for cell, _ in cells_of(bench.path).values())


def test_a_head_that_fails_on_an_image_fails_for_all_parts(bench: Bench, cells_of: CellsOf) -> None:
    """Whatever else they have counted of it."""
    calls: list[int] = []

    class Breaks(Linear):
        def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
            if not self.training:
                calls.append(1)
                if len(calls) > 20:  # its shot, the first slice, and some of the second
                    raise ValueError("too many")
            return super().forward(maps, size)

    bench.heads["other"] = Head("other", Breaks)
    bench.run(2, replace(PLAN, shots=(1,), draws=1))
    found = cells_of(bench.path)
    assert {slug: cell["error"] for slug, (cell, _) in found.items()} == {
        "slow--linear--1-shot--draw-0": None,
        "slow--other--1-shot--draw-0": "other (toys) failed on slow: ValueError: too many",
    }
    assert len(calls) == 21, "what has failed is read no more"
    assert len(bench.heard.cells) == 2 and bench.left_behind() == []


def test_a_backbone_that_fails_on_an_image_fails(bench: Bench, cells_of: CellsOf) -> None:
    """As a whole, as without parts; no other part says it again."""
    bench.slow = Slow(fails=116)
    bench.run(3)
    assert {cell["error"] for cell, _ in cells_of(bench.path).values()} == {
        "slow (toys) failed: ValueError: this one is too dark"
    }
    assert len(bench.heard.cells) == len(cells_of(bench.path)) and len(bench.heard.problems) == 1
    assert bench.left_behind() == []


def test_units_are_kept_for_cells_that_are_yet_to_be_written(
    bench: Bench, cells_of: CellsOf, alone: dict[str, Any]
) -> None:
    """Another run that ends meanwhile leaves them, though nobody is at work with them at that moment."""
    first = bench.runner(2)
    first.folder.path.mkdir()
    first._write_plan()
    first.score(first.groups[0])
    bench.run(1, replace(PLAN, heads=("linear",)))
    assert len(cells_of(bench.path)) == 4
    assert list(bench.path.rglob("slice-*-of-2.npz"))
    bench.run(2)
    assert cells_of(bench.path) == alone
    assert not [unit for unit in bench.twice() if unit.startswith("fit")]
    assert bench.left_behind() == []
