"""Auto-shot and the supervised control are cells like any other: named, crossed, scored, kept, gone on with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from partbench.backbones.backbone import Backbone
from partbench.benchmark.auto_shot_names import AutoShotError, AutoShotName, base_cell, parse_auto_shot
from partbench.benchmark.cli.main import main
from partbench.benchmark.metrics.confusion import confuse
from partbench.benchmark.plan import SUPERVISED, Cell, Plan
from partbench.benchmark.plugins.catalogue import Offer, load_catalogue
from partbench.benchmark.plugins.names import find_head
from partbench.benchmark.plugins.patterns import expand_heads
from partbench.benchmark.reporter import Listener
from partbench.benchmark.results import CellResult
from partbench.benchmark.run.auto_shot import AutoShot, fit_side, sample_seed
from partbench.benchmark.run.features import FeatureSource
from partbench.benchmark.run.runner import Runner
from partbench.benchmark.run.schedules import SCHEDULES, Schedule
from partbench.benchmark.run.segmenter_cells import segmenter_file
from partbench.benchmark.run.task import SegmentationTask
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.comparability import check_comparable
from partbench.benchmark.segment.model import Segmenter
from partbench.benchmark.segment.recipe import RECIPES, SegmenterRecipe
from partbench.datasets.dataset import Dataset, Splits
from partbench.heads.head import Head
from partbench.heads.linear import Linear

SIDE = 16
PLUGIN = """
import torch
import partbench
from partbench.backbones.backbone import Backbone

class Noise:
    def __call__(self, images):
        return [images]

    def sample(self, count, seed):
        images = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
        return images, [images]

@partbench.hookimpl
def partbench_backbones():
    yield Backbone("noise", 16, (3,), Noise)
"""
FEW = SegmenterRecipe(images=12, width=4, batch=4, steps=40, rate=1e-2, moved=0.5)
PLAN = Plan("squares", ("maker",), ("linear", "auto-shot:linear"), shots=(2,), draws=1, size=SIDE, pool=6, test=8)


def squares(numbers: list[int], side: int) -> tuple[Tensor, Tensor]:
    """Bright squares on a dark ground, each where its number says, and their masks."""
    masks = torch.zeros(len(numbers), side, side, dtype=torch.int64)
    for mask, number in zip(masks, numbers, strict=True):
        y, x = number % 5, number // 5 % 5
        mask[y : y + side // 2, x : x + side // 2] = 1
    images = masks[:, None].expand(-1, 3, -1, -1).float() * 0.8 + 0.1
    return images + torch.tensor(numbers)[:, None, None, None] / 10000, masks


@dataclass
class Squares:
    """A split of them."""

    first: int
    count: int

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"square {self.first + index}"

    def images(self, indices: list[int], size: int) -> Tensor:
        return squares([self.first + i for i in indices], size)[0]

    def masks(self, indices: list[int], size: int) -> Tensor:
        return squares([self.first + i for i in indices], size)[1]


@dataclass
class Maker:
    """A generator of squares, whose maps are its images; notes what it was asked for."""

    asked: list[tuple[int, int]] = field(default_factory=list)
    fails_after: int = 1000

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images]

    def sample(self, count: int, seed: int) -> tuple[Tensor, list[Tensor]]:
        if len(self.asked) >= self.fails_after:
            raise KeyboardInterrupt
        self.asked.append((count, seed))
        numbers = torch.randint(1000, (count,), generator=torch.Generator().manual_seed(seed)).tolist()
        images, _ = squares(numbers, SIDE)
        return images, [images]


class Reads:
    """A backbone that makes no images."""

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images]


DATASET = Dataset(
    "squares", ("ground", "square"), lambda: Splits(Squares(0, 9), Squares(100, 30), unlabelled=Squares(200, 20))
)


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to learn what is bright."""
    monkeypatch.setitem(SCHEDULES, "quick", Schedule(rate=0.05, steps=30))
    monkeypatch.setitem(RECIPES, "quick", FEW)


class Listening(Listener):
    def __init__(self) -> None:
        self.units: dict[str, int] = {}
        self.told: list[str] = []
        self.problems: list[str] = []

    def start(self, backbone: str, units: int) -> None:
        self.units[backbone] = units

    def unit(self, backbone: str, what: str) -> None:
        self.told.append(backbone)

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)


def run(root: Path, plan: Plan, extractors: Mapping[str, object], listener: Listener | None = None) -> list[CellResult]:
    """The results of a plan on these backbones."""

    def load(name: str) -> Callable[[], object]:
        return lambda: extractors[name]

    known = {name: Offer(Backbone(name, SIDE, (3,), load(name)), "toys 1.0") for name in extractors}  # type: ignore[arg-type]
    heads = {name: Offer(Head("linear", Linear), "toys 1.0") for name in (*plan.heads, "linear")}
    folder = RunFolder(root / "run")
    Runner(
        plan, SegmentationTask.open(DATASET, plan), known, heads, folder, torch.device("cpu"), root / "codes", {},
        listener or Listening(),
    ).run()  # fmt: skip
    return folder.results()[0]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("linear", None),
        ("auto-shot:cnn-l", AutoShotName("cnn-l")),
        ("auto-shot:cnn-l,one-hot", AutoShotName("cnn-l", one_hot=True)),
        ("auto-shot:mlp-1,images=7,one-hot", AutoShotName("mlp-1", True, 7)),
    ],
)
def test_a_name_says_head_labels_and_samples(name: str, parts: AutoShotName | None) -> None:
    """Any other name is a head's own."""
    assert parse_auto_shot(name) == parts
    assert base_cell(Cell("b", name, 5, 1)) == Cell("b", parts.head if parts else name, 5, 1)


@pytest.mark.parametrize("name", ["auto-shot:", "auto-shot:linear,two-hot", "auto-shot:linear,images=0"])
def test_a_name_that_says_nothing_is_refused(name: str) -> None:
    """In one sentence that says what there is."""
    with pytest.raises(AutoShotError, match="auto-shot"):
        parse_auto_shot(name)


def test_patterns_of_heads_leave_auto_shot_alone() -> None:
    """It takes minutes, so only a pattern that begins with it has it; the head that it names must be there."""
    catalogue = load_catalogue()
    assert not any(":" in name for name in expand_heads(["*"], catalogue))
    assert expand_heads(["auto-shot:cnn-?"], catalogue) == ("auto-shot:cnn-s", "auto-shot:cnn-m", "auto-shot:cnn-l")
    assert expand_heads(["auto-shot:linear,images=9"], catalogue) == ("auto-shot:linear,images=9",)
    assert find_head(catalogue, "auto-shot:linear,images=9").record.name == "linear"
    with pytest.raises(ValueError, match="did you mean 'cnn-l'"):
        find_head(catalogue, "auto-shot:cnn-ll")


def test_it_learns_from_what_the_head_says_of_samples(tmp_path: Path) -> None:
    """Its segmenter scores nearly what the head does; the samples are the recipe's, and its file stays."""
    maker, listener = Maker(), Listening()
    few, auto = run(tmp_path, PLAN, {"maker": maker}, listener)
    assert few.cell.head == "linear" and auto.cell.head == "auto-shot:linear"
    accuracy = [np.trace(r.confusion.sum(0)) / r.confusion.sum() for r in (few, auto) if r.confusion is not None]
    assert accuracy[0] > 0.95 and accuracy[1] > 0.8
    assert sum(count for count, _ in maker.asked) == FEW.images
    kept = Segmenter.load(segmenter_file(tmp_path / "run", auto.cell))
    assert kept.classes == DATASET.classes and kept.size == SIDE
    assert kept.card["labels"] == "logits" and kept.card["samples"] == "12" and kept.card["shots"] == "2"
    assert auto.provenance["segmenter"] == kept.card and kept.fit == kept.card["fit"] == "crop"
    assert listener.told.count("maker") == listener.units["maker"]
    assert not list((tmp_path / "run" / "units").glob("*"))


def test_what_is_scored_is_what_is_kept(tmp_path: Path) -> None:
    """The file's segmenter gives the confusions of the cell."""
    auto = run(tmp_path, PLAN, {"maker": Maker()})[1]
    kept = Segmenter.load(segmenter_file(tmp_path / "run", auto.cell))
    images, masks = squares([100 + i for i in range(8)], SIDE)
    assert np.array_equal(auto.confusion, confuse(kept(images).argmax(1).numpy(), masks.numpy(), 2))


def test_labels_are_logits_or_classes(tmp_path: Path) -> None:
    """One-hot labels are the likeliest classes of the same samples of a draw."""
    plan = replace(PLAN, heads=("auto-shot:linear", "auto-shot:linear,one-hot"))
    task, stores = SegmentationTask.open(DATASET, plan), []
    source = FeatureSource(Backbone("maker", SIDE, (3,), Maker), Maker(), torch.device("cpu"), tmp_path)
    source.measure(task.statistics(SIDE), "rms")
    head = Linear((3,), 2)
    for cell in plan.cells():
        name = parse_auto_shot(cell.head)
        assert name
        one_pass: Any = SimpleNamespace(
            place=lambda cell: tmp_path / cell.slug, recorder=SimpleNamespace(problem=print)
        )
        auto = AutoShot(source, task, one_pass)
        stores.append(auto.pairs(cell, head, name, 12, lambda share, what: None))
    (images, logits), (same, classes) = (store.read(range(12)) for store in stores)
    assert torch.equal(images, same) and logits.shape == (12, 2, SIDE, SIDE)
    assert (logits.argmax(1) == classes).float().mean() > 0.999  # float16 can make two logits equal
    with torch.no_grad():
        expected = head(source.maps(images), SIDE)
    assert (logits - expected).abs().max() < 0.02


def test_samples_belong_to_their_draw() -> None:
    """All heads of a draw label the same samples; another draw, slice or plan has others."""
    seeds = {sample_seed(seed, draw, number) for seed in (0, 1) for draw in range(3) for number in range(50)}
    assert len(seeds) == 2 * 3 * 50


def test_a_backbone_that_cannot_sample_fails_by_itself(tmp_path: Path) -> None:
    """Its few-shot cells have their scores, and the reason is one sentence."""
    plan = replace(PLAN, backbones=("reads", "maker"))
    results = {(r.cell.backbone, r.cell.head): r for r in run(tmp_path, plan, {"reads": Reads(), "maker": Maker()})}
    assert results["reads", "linear"].error is None and results["maker", "auto-shot:linear"].error is None
    error = results["reads", "auto-shot:linear"].error
    assert error and "reads makes no images of its own" in error and "choose a generator" in error


def test_auto_shot_alone_reads_no_test_image_through_the_backbone(tmp_path: Path) -> None:
    """No projection: with few-shot cells left out, only shots and statistics are described."""
    seen: list[int] = []

    class Watched(Maker):
        def __call__(self, images: Tensor) -> list[Tensor]:
            seen.append(len(images))
            return super().__call__(images)

    (auto,) = run(tmp_path, replace(PLAN, heads=("auto-shot:linear",)), {"maker": Watched()})
    assert auto.error is None and sum(seen) == 16 + 2


def test_a_stopped_run_samples_and_learns_no_more_than_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Stopped among the samples, then in the training, it ends with the scores of a run that nobody disturbed."""
    monkeypatch.setattr("partbench.benchmark.machine.PIXELS_AT_ONCE", 4 * SIDE * SIDE)  # slices of four
    monkeypatch.setattr("partbench.benchmark.segment.training.KEPT_EVERY", 0.0)
    plan = replace(PLAN, heads=("auto-shot:linear",))
    (expected,) = run(tmp_path / "undisturbed", plan, {"maker": Maker()})
    stopped, rest = Maker(fails_after=2), Maker()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, plan, {"maker": stopped})

    class Stopping(Listening):
        def unit(self, backbone: str, what: str) -> None:
            if int(what.partition(" step ")[2] or 0) >= 20:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, plan, {"maker": rest}, Stopping())
    assert (len(stopped.asked), len(rest.asked)) == (2, 1)
    steps: list[str] = []

    class Hearing(Listening):
        def unit(self, backbone: str, what: str) -> None:
            steps.append(what)

    (result,) = run(tmp_path, plan, {"maker": Maker(fails_after=0)}, Hearing())
    assert np.array_equal(result.confusion, expected.confusion)
    learnt = [int(what.partition(" step ")[2]) for what in steps if " step " in what]
    assert learnt and min(learnt) >= 19


def test_supervised_learns_from_the_shots_alone(tmp_path: Path) -> None:
    """Every number of labels is a cell without a head, from the same draws as the shots of all others."""
    plan = replace(PLAN, backbones=(SUPERVISED,), heads=("linear",), shots=(1, 6))
    few, many = run(tmp_path, plan, {})
    assert (few.cell, many.cell) == (Cell(SUPERVISED, "-", 1, 0), Cell(SUPERVISED, "-", 6, 0))
    assert many.error is None and many.confusion is not None
    assert np.trace(many.confusion.sum(0)) / many.confusion.sum() > 0.8
    assert many.provenance["shots"] == SegmentationTask.open(DATASET, plan).manifest.seen(0, 6)


def test_more_labels_are_added_to_a_run(tmp_path: Path) -> None:
    """A run of few shots takes a supervised control of many into its folder, and the cells stay comparable."""
    run(tmp_path, PLAN, {"maker": Maker()})
    results = run(tmp_path, replace(PLAN, backbones=(SUPERVISED,), shots=(2, 5)), {})
    assert {(r.cell.backbone, r.cell.shots) for r in results} == {("maker", 2), (SUPERVISED, 2), (SUPERVISED, 5)}
    check_comparable({"run": results})


def test_images_of_another_side_are_made_to_fit() -> None:
    """Those of a generator of 1024 pixels become 512; the same side is left alone."""
    images = torch.full((1, 3, 8, 8), 0.3)
    assert fit_side(images, 8) is images
    assert torch.allclose(fit_side(images, 4), torch.full((1, 3, 4, 4), 0.3), atol=1e-6)


def test_the_command_line_crosses_and_forecasts_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From names to a leaderboard, with a generator of a plugin; and `plan` knows what it will take."""
    Path("partbench_plugins.py").write_text(PLUGIN)

    def partbench(*words: str) -> str:
        options = "--head linear --head auto-shot:linear,images=8 --shots 1 --draws 1 --test 2 --pool 4 --size 16"
        monkeypatch.setattr(sys, "argv", ["partbench", *words, *options.split(), "--device", "cpu", "--json"])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
        return capsys.readouterr().out

    monkeypatch.setitem(RECIPES, "quick", replace(FEW, steps=4))
    monkeypatch.setattr("partbench.benchmark.run.contamination.LOOKED_AT", 4)
    monkeypatch.setattr("partbench.benchmark.run.task.STATISTICS", 2)
    wanted = "--backbone", "noise", "--backbone", "supervised", "--out", "run"
    noise, supervised = json.loads(partbench("plan", *wanted))["backbones"]
    seconds = {cell["head"]: cell["seconds"] for cell in noise["cells"]}
    assert seconds["auto-shot:linear,images=8"] > 0 and [cell["head"] for cell in supervised["cells"]] == ["-"]
    assert supervised["seconds"]["fit"] > 0
    rows = json.loads(partbench("run", *wanted))
    assert {(row["backbone"], row["head"]) for row in rows} == {
        ("noise", "linear"), ("noise", "auto-shot:linear,images=8"), ("supervised", "-"),
    }  # fmt: skip
