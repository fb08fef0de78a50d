"""The runner crosses everything, computes nothing twice, and a part that fails leaves the others alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from partbench import UserError
from partbench.backbones.backbone import Backbone, Extractor
from partbench.benchmark.machine import MemoryLimit
from partbench.benchmark.metrics.confusion import confuse
from partbench.benchmark.plan import COPY, NO_HEAD, Cell, Plan
from partbench.benchmark.plugins.catalogue import Offer
from partbench.benchmark.reporter import Listener
from partbench.benchmark.results import CellResult, ResultError
from partbench.benchmark.run import first_shots
from partbench.benchmark.run.claims import Claims
from partbench.benchmark.run.engine import Engine
from partbench.benchmark.run.journal import Journal
from partbench.benchmark.run.makers import Makers
from partbench.benchmark.run.runner import Runner
from partbench.benchmark.run.schedules import SCHEDULES, Schedule
from partbench.benchmark.run.task import SegmentationTask
from partbench.benchmark.run.turns import Turns
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.convergence import shot_fit
from partbench.datasets.dataset import IGNORE, Dataset, Splits
from partbench.heads.head import Head
from partbench.heads.linear import Linear

SIDE, OWNER = 8, "partbench-toys 1.2"
PLAN = Plan("squares", ("plain",), ("linear",), shots=(1, 2), draws=2, size=SIDE, pool=6, test=20)
"""Twenty test images of a small backbone go in two slices."""


@dataclass
class Squares:
    """Pictures of a bright square on a dark ground; the mask is the square."""

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
            mask[-1] = IGNORE
        return masks

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        grey = (self.masks(indices, size) == 1).float()[:, None].expand(-1, 3, -1, -1).clone()
        grey[:, 0, -1, -1] = torch.tensor([(self.first + index) / 1000 for index in indices])  # no two are the same
        return grey


class Broken(Squares):
    """Images that cannot be read."""

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        raise OSError("it is cut short")


@dataclass
class Watching:
    """An extractor whose maps are its images; notes how many it was shown."""

    seen: list[int] = field(default_factory=list)

    def __call__(self, images: Tensor) -> list[Tensor]:
        self.seen.append(len(images))
        return [images]


@dataclass
class Inverting:
    """A slow one: what it inverts is counted, image by image."""

    inverted: list[float] = field(default_factory=list)

    def __call__(self, images: Tensor) -> Sequence[Tensor]:
        return self.maps(self.invert(images))

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        self.inverted += images[:, 0, -1, -1].tolist()
        return {"w": images / 2}

    def maps(self, codes: Mapping[str, Tensor]) -> Sequence[Tensor]:
        return [codes["w"] * 2]

    def reconstruct(self, codes: Mapping[str, Tensor]) -> Tensor:
        return codes["w"] * 2


class Listening(Listener):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.units: list[str] = []
        self.finished: list[str] = []

    def unit(self, backbone: str, what: str) -> None:
        self.units.append(what)

    def finish(self, backbone: str) -> None:
        self.finished.append(backbone)

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)


def backbone(name: str, load: Callable[[], Extractor], **more: Any) -> Backbone:
    return Backbone(name, SIDE, (3,), load, **more)


DATASET = Dataset(
    "squares",
    ("ground", "square"),
    lambda: Splits(Squares(0, 9), Squares(100, 30), unlabelled=Squares(200, 20)),
    frozenset({"ground"}),
)
HEADS = {"linear": Head("linear", Linear), "other": Head("other", Linear)}


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to learn what is bright."""
    monkeypatch.setitem(SCHEDULES, "quick", Schedule(rate=0.05, steps=15))


@dataclass
class Bench:
    """Runs plans into one folder."""

    root: Path
    reporter: Listening = field(default_factory=Listening)

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.root / "run")

    def run(
        self,
        plan: Plan,
        *backbones: Backbone,
        heads: Mapping[str, Head] = HEADS,
        data: Dataset = DATASET,
        room: MemoryLimit | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.reporter = Listening()
        Runner(
            room=room,
            engine=engine,
            plan=replace(plan, backbones=(*(b.name for b in backbones), *(b for b in plan.backbones if b == COPY))),
            task=SegmentationTask.open(data, plan),
            backbones={b.name: Offer(b, OWNER) for b in backbones},
            heads={name: Offer(head, OWNER) for name, head in heads.items()},
            folder=self.folder,
            device=torch.device("cpu"),
            cache=self.root / "codes",
            facts={"versions": {}},
            reporter=self.reporter,
        ).run()

    def results(self) -> list[CellResult]:
        found, damaged = self.folder.results()
        assert damaged == []
        return found

    def errors(self) -> dict[str, set[str | None]]:
        """What stands in the cells of every backbone and head."""
        errors: dict[str, set[str | None]] = {}
        for result in self.results():
            errors.setdefault(f"{result.cell.backbone} {result.cell.head}", set()).add(result.error)
        return errors

    def journal(self) -> list[str]:
        """The heads that were trained, and the slices that were scored, in their order."""
        lines = Journal(self.folder.path).read()
        return [f"{line['unit']} {line['of']}" for line in lines if line["unit"] in ("fit", "score")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_plan_becomes_scores(bench: Bench) -> None:
    """Every cell is scored on every test image, and says where its score is from."""
    bench.run(PLAN, backbone("plain", Watching))
    results = bench.results()
    assert [result.cell for result in results] == list(PLAN.cells())
    assert bench.reporter.problems == []
    for result in results:
        assert result.confusion is not None
        assert result.confusion.shape == (20, 2, 2)
        assert not result.confusion[:, 1, 0].any()  # brightness tells the square
        assert result.provenance["provider"] == OWNER
        assert result.provenance["plan"] == PLAN.hash
        fit = shot_fit(result)
        assert fit and (fit.steps, fit.settled) == (15, None)
        assert fit.converged and fit.iou > 0.9
    assert len({result.provenance["shots"] for result in results}) == 4
    assert not list((bench.folder.path / "units").glob("*")), "what was needed on the way is gone"


def test_a_score_says_the_size_of_its_network(bench: Bench) -> None:
    """Its parameters, where it is a module of torch; of any other callable nobody knows them."""

    class Network(nn.Conv2d):
        def forward(self, images: Tensor) -> list[Tensor]:  # type: ignore[override]
            return [images]

    bench.run(PLAN, backbone("plain", Watching), backbone("network", lambda: Network(3, 2, 1)))
    sizes = {result.cell.backbone: result.provenance["parameters"] for result in bench.results()}
    assert sizes == {"plain": None, "network": 8}


def test_pictures_of_shots_that_cannot_be_kept_stop_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores need no pictures, and it is said why there are none."""

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(first_shots, "keep_shots", full)
    bench.run(replace(PLAN, backbones=(COPY,)))
    assert "no pictures of the shots are kept: OSError: the disk is full" in bench.reporter.problems
    assert bench.errors() == {f"{COPY} {NO_HEAD}": {None}}


def test_all_heads_read_the_same_maps(bench: Bench) -> None:
    """The extractor sees a test image once, however many heads there are."""
    seen = []
    for heads in (("linear",), ("linear", "other")):
        extractor = Watching()
        Bench(bench.root / str(len(heads))).run(replace(PLAN, heads=heads), backbone("plain", lambda e=extractor: e))  # type: ignore[misc]
        seen.append(extractor.seen)
    assert seen[0] == seen[1]
    assert seen[0][-2:] == [16, 4]


def test_copy_is_the_mode_of_the_training_masks(bench: Bench) -> None:
    """The control without a network predicts its shots, whatever the image."""
    bench.run(replace(PLAN, backbones=(COPY,)))
    task = SegmentationTask.open(DATASET, PLAN)
    truth = task.splits.test.masks(range(20), SIDE).numpy()
    result = bench.folder.read(Cell(COPY, NO_HEAD, 1, 1))
    assert result is not None
    assert result.confusion is not None
    (shot,) = task.splits.pool.masks(task.manifest.shots(1, 1), SIDE).numpy()
    guess = np.where(shot == IGNORE, 0, shot)
    assert np.array_equal(result.confusion, confuse(np.broadcast_to(guess, truth.shape), truth, 2))


def fails() -> Extractor:
    raise OSError("no such\nweights")


def nan(images: Tensor) -> list[Tensor]:
    return [images * float("nan")]


def wide(images: Tensor) -> list[Tensor]:
    return [images.repeat(1, 2, 1, 1)]


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (fails, "OSError: no such weights"),
        (lambda: nan, "map 0 of bad has NaN in it; see where its network overflows"),
        (lambda: wide, "bad declares channels=(3,) but its maps have (6,)"),
        (lambda: lambda _: "maps", "bad gives a str instead of its maps; return a list of tensors"),
    ],
)
def test_a_backbone_that_fails(bench: Bench, load: Callable[[], Extractor], reason: str) -> None:
    """It is named once with its package, its cells are recorded as failed, and the others are scored."""
    bench.run(PLAN, backbone("bad", load), backbone("plain", Watching))
    sentence = f"bad ({OWNER}) failed: {reason}"
    assert bench.reporter.problems == [sentence]
    assert bench.errors() == {"bad linear": {sentence}, "plain linear": {None}}
    assert bench.reporter.finished == ["bad", "plain"]


def exits(images: Tensor) -> list[Tensor]:
    sys.exit(0)


@pytest.mark.parametrize("load", [lambda: sys.exit(0), lambda: exits], ids=["load", "forward"])
def test_a_backbone_that_exits(bench: Bench, load: Callable[[], Extractor]) -> None:
    """sys.exit in a plugin is its failure, and not the end of the run."""
    bench.run(PLAN, backbone("bad", load), backbone("plain", Watching))
    sentence = f"bad ({OWNER}) failed: bad calls sys.exit(0); let it raise an error instead"
    assert bench.reporter.problems == [sentence]
    assert bench.errors() == {"bad linear": {sentence}, "plain linear": {None}}


def test_a_backbone_that_leaks_is_named_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it changes for the whole process is put back; its scores and those of the others are what they were."""
    monkeypatch.chdir(bench.root)
    undisturbed = Bench(bench.root / "undisturbed")
    undisturbed.run(PLAN, backbone("bad", Watching), backbone("plain", Watching))

    def leak() -> Extractor:
        os.chdir("/")
        torch.set_default_dtype(torch.float64)
        return Watching()

    bench.run(PLAN, backbone("bad", leak), backbone("plain", Watching))
    assert bench.reporter.problems == [
        f"bad leaves the working folder at /; it was {bench.root}, which is put back",
        "bad leaves torch's default dtype at torch.float64; it was torch.float32, which is put back",
    ]
    for ours, theirs in zip(bench.results(), undisturbed.results(), strict=True):
        assert np.array_equal(ours.confusion, theirs.confusion)  # type: ignore[arg-type]


class Raising(Linear):
    """Fails while it learns."""

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        raise RuntimeError("out of\nluck")


class RaisingLater(Linear):
    """Fails on every image that it has not learnt from."""

    def __init__(self, channels: Sequence[int], classes: int) -> None:
        super().__init__(channels, classes)
        self.seen: set[float] = set()

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        image = float(maps[0].sum())
        if self.training:
            self.seen.add(image)
        elif image not in self.seen:
            raise RuntimeError("out of\nluck")
        return super().forward(maps, size)


def too_many(channels: tuple[int, ...], classes: int) -> nn.Module:
    return Linear(channels, classes + 1)


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (Raising, "RuntimeError: out of luck"),
        (RaisingLater, "RuntimeError: out of luck"),
        (too_many, "its logits have shape (1, 3, 8, 8); make them (1, 2, 8, 8)"),
    ],
)
def test_a_head_that_fails(bench: Bench, build: Callable[..., nn.Module], reason: str) -> None:
    """It is named once with its package, whenever it fails; the other heads of the same pass are scored."""
    bench.run(
        replace(PLAN, heads=("bad", "linear")), backbone("plain", Watching), heads={**HEADS, "bad": Head("bad", build)}
    )
    sentence = f"bad ({OWNER}) failed on plain: {reason}"
    assert bench.reporter.problems == [sentence]
    assert bench.errors() == {"plain bad": {sentence}, "plain linear": {None}}


def test_what_failed_is_tried_again(bench: Bench) -> None:
    """The next run computes the failed cells, and those alone."""
    plan = replace(PLAN, heads=("other", "linear"))
    bench.run(plan, backbone("plain", Watching), heads={**HEADS, "other": Head("other", RaisingLater)})
    before = len(bench.journal())
    bench.run(plan, backbone("plain", Watching))
    assert bench.errors() == {"plain other": {None}, "plain linear": {None}}
    assert [line for line in bench.journal()[before:] if "plain--linear" in line] == []


def test_a_slow_backbone_inverts_an_image_once(bench: Bench) -> None:
    """Codes are kept: neither a second run nor one with more draws inverts what is known."""
    extractor = Inverting()
    slow = backbone("slow", lambda: extractor)
    bench.run(PLAN, slow)
    first = len(extractor.inverted)
    assert len(set(extractor.inverted)) == first
    again = Bench(bench.root)
    again.run(replace(PLAN, draws=4), slow)
    assert len(set(extractor.inverted)) == len(extractor.inverted) <= first + 6
    assert (bench.folder.path / "pictures" / "slow-reconstructions.png").exists()


def test_a_cache_that_takes_nothing_costs_time_alone(bench: Bench) -> None:
    """A file where its folder should be is said once; an image is inverted once a run, and scored."""
    (bench.root / "codes").write_text("no folder")
    extractor = Inverting()
    bench.run(PLAN, backbone("slow", lambda: extractor))
    mend = "later runs invert again; see to it, or name another folder with PARTBENCH_CACHE"
    assert bench.reporter.problems == [f"no codes are kept in {bench.root / 'codes'} (File exists): {mend}"]
    assert bench.errors() == {"slow linear": {None}}
    assert len(set(extractor.inverted)) == len(extractor.inverted)


def test_a_limit_that_is_not_heeded_is_said(bench: Bench) -> None:
    """Of a backbone that cannot do with less memory, whoever sets --memory hears so; otherwise nobody does."""
    bench.run(PLAN, backbone("plain", Watching), room=MemoryLimit.of(torch.device("cpu"), 0.0001))
    what = "--memory limits the maps of shots that are held for plain, and nothing else"
    (problem,) = bench.reporter.problems
    assert problem == f"{what}: its network and the heads take what they take; partbench plan says how much"
    assert bench.errors() == {"plain linear": {None}}
    bench.run(replace(PLAN, shots=(3,)), backbone("plain", Watching), room=MemoryLimit.of(torch.device("cpu")))
    assert bench.reporter.problems == []


def test_the_error_of_every_reconstruction_stands_beside_its_score(bench: Bench) -> None:
    """One number per test image; none for a backbone that images enter directly."""

    class Blurry(Inverting):
        def reconstruct(self, codes: Mapping[str, Tensor]) -> Tensor:
            return codes["w"] * 2 + 0.25

    bench.run(PLAN, backbone("slow", Blurry), backbone("plain", Watching))
    errors = {r.cell.backbone: r.provenance.get("reconstruction error") for r in bench.results()}
    assert errors == {"slow": [0.25] * PLAN.test, "plain": None}


def test_a_run_that_is_stopped_goes_on(bench: Bench) -> None:
    """After Ctrl-C nothing that was done is done again, and the scores are those of an undisturbed run."""
    undisturbed = Bench(bench.root / "undisturbed")
    undisturbed.run(PLAN, backbone("plain", Watching))
    left = 6 + 4  # the shots of every fit, and some of the test images

    class Stopping(Linear):
        def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
            nonlocal left
            left -= self.training is False
            if left == 0:
                raise KeyboardInterrupt
            return super().forward(maps, size)

    heads = {"linear": Head("linear", Stopping)}
    with pytest.raises(KeyboardInterrupt):
        bench.run(PLAN, backbone("plain", Watching), heads=heads)
    assert bench.results() == []
    bench.run(PLAN, backbone("plain", Watching), heads=heads)
    assert len(bench.journal()) == len(set(bench.journal())) == 4 + 2
    for ours, theirs in zip(bench.results(), undisturbed.results(), strict=True):
        assert ours.cell == theirs.cell
        assert np.array_equal(ours.confusion, theirs.confusion)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Stopped:
    """Takes a turn, which ends what does it or does not, and is stopped before it says so."""

    crashed: bool

    def take(self, runner: Runner, turns: Turns) -> bool:
        turn = turns.next()
        assert turn and runner.claims.names("plain")
        if self.crashed:
            turns.crashes(turn, "worker 1", "was ended by SIGKILL")
        raise KeyboardInterrupt


@pytest.mark.parametrize("crashed", [False, True])
def test_a_run_that_is_stopped_leaves_what_crashed_and_no_other_claim(bench: Bench, crashed: bool) -> None:
    """Whatever its engine was doing: the next run is told of the first, and takes nobody else for dead."""
    with pytest.raises(KeyboardInterrupt):
        bench.run(PLAN, backbone("plain", Watching), engine=Stopped(crashed))
    claims = Claims(bench.folder.path)
    assert bool(claims.names("")) == crashed == any(map(claims.died, claims.names("")))


def test_ctrl_c_skips_a_backbone_once(bench: Bench) -> None:
    """The first leaves out the backbone in progress, and keeps what it has; the next run goes on with it."""
    asked: list[str] = []

    def interrupted(name: str) -> Extractor:
        asked.append(name)
        raise KeyboardInterrupt

    slow = backbone("slow", lambda: interrupted("slow"))
    bench.run(PLAN, slow, backbone("plain", Watching))
    how = "a second Ctrl-C ends the run; the same command goes on with what was skipped"
    assert bench.reporter.problems == [f"slow is skipped, as Ctrl-C asks, and {how}"]
    assert bench.errors() == {"plain linear": {None}}
    assert bench.reporter.finished == ["plain"]
    with pytest.raises(KeyboardInterrupt):
        bench.run(PLAN, slow, backbone("slower", lambda: interrupted("slower")), backbone("never", Watching))
    assert asked == ["slow", "slow", "slower"]
    bench.run(PLAN, backbone("slow", Watching))
    assert bench.errors()["slow linear"] == {None}


def test_what_ended_a_run_comes_last(bench: Bench) -> None:
    """A backbone in whose turn a run was killed lets the others go first; after its turn it is as they are."""
    claims = Claims(bench.folder.path)
    claim = claims.take("bad--draw-0")
    assert claim
    claims.abandon(claim)
    bench.run(PLAN, backbone("bad", Watching), backbone("plain", Watching))
    assert bench.reporter.finished == ["plain", "bad"]
    assert bench.errors() == {"bad linear": {None}, "plain linear": {None}}
    assert list(claims.folder.iterdir()) == []


def test_what_was_done_when_a_run_was_killed_is_no_danger(bench: Bench) -> None:
    """A claim whose cells all have their score is forgotten."""
    bench.run(PLAN, backbone("plain", Watching))
    claims = Claims(bench.folder.path)
    claim = claims.take("plain--draw-0")
    assert claim
    claims.abandon(claim)
    bench.run(PLAN, backbone("plain", Watching))
    assert bench.reporter.finished == ["plain"] and bench.reporter.problems == []
    assert list(claims.folder.iterdir()) == []


def test_a_damaged_cell_is_computed_again(bench: Bench) -> None:
    """It is named, and the others stay."""
    bench.run(PLAN, backbone("plain", Watching))
    cell = next(iter(PLAN.cells()))
    file = bench.folder.cell_file(cell)
    file.write_text("{")
    bench.run(PLAN, backbone("plain", Watching))
    (problem,) = bench.reporter.problems
    assert problem.startswith(f"{file} is damaged (")
    assert problem.endswith("; it is computed again")
    assert len(bench.results()) == 4
    assert bench.journal().count(f"fit {cell.slug}") == 2


def test_a_head_on_disk_that_cannot_be_read_is_trained_again(bench: Bench) -> None:
    """A run goes on whatever became of its units."""
    offers = {"plain": Offer(backbone("plain", Watching), OWNER)}
    work = bench.folder.path / "units" / "plain" / Makers(offers, {}).units("plain")
    work.mkdir(parents=True)
    (work / f"{next(iter(PLAN.cells())).slug}.pt").write_bytes(b"half")
    (work / "slice-00000-draws-0.1.npz").write_bytes(b"PK half")
    bench.run(PLAN, backbone("plain", Watching))
    assert bench.errors() == {"plain linear": {None}}
    said = "is set aside (it has no seal of partbench), and what it held is made again"
    assert [problem.partition(" ")[2] for problem in bench.reporter.problems] == [said, said]


def test_other_weights_are_scored_again(bench: Bench) -> None:
    """A backbone whose weights file changed does not keep the scores of the old one."""
    weights = bench.root / "weights"
    weights.write_bytes(b"old")
    bench.run(PLAN, backbone("plain", Watching, weights=weights))
    bench.run(PLAN, backbone("plain", Watching, weights=weights))
    assert len(bench.journal()) == 6
    weights.write_bytes(b"new")
    bench.run(PLAN, backbone("plain", Watching, weights=weights))
    assert len(bench.journal()) == 12
    assert bench.reporter.problems == ["4 scores are of other weights of plain than now, and computed again"]


def test_a_run_can_be_added_to(bench: Bench) -> None:
    """The folder knows the cells of every run into it; what is there is not computed again."""
    bench.run(PLAN, backbone("plain", Watching))
    bench.run(replace(PLAN, heads=("other",), shots=(2, 3), draws=3), backbone("more", Watching))
    plan = bench.folder.read_plan()
    assert (plan.backbones, plan.heads, plan.shots, plan.draws) == (
        ("plain", "more"),
        ("linear", "other"),
        (1, 2, 3),
        3,
    )
    assert bench.errors() == {"plain linear": {None}, "more other": {None}}
    before = len(bench.journal())
    bench.run(PLAN, backbone("plain", Watching))
    assert len(bench.journal()) == before
    assert bench.folder.read_plan() == plan


def test_predictions_of_earlier_runs_are_kept(bench: Bench) -> None:
    """A head that is added later stands beside the earlier ones in the pictures."""
    bench.run(PLAN, backbone("plain", Watching))
    bench.run(replace(PLAN, heads=("other",)), backbone("plain", Watching))
    with np.load(bench.folder.path / "pictures" / "plain.npz") as kept:
        assert {"images", "truth", "linear 1", "linear 2", "other 1", "other 2"} == set(kept)


def test_a_finished_run_that_cannot_be_written_to(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left to do there, and nothing is done; what is left to do is refused."""
    bench.run(PLAN, backbone("plain", Watching))
    before = {file: file.stat().st_mtime_ns for file in bench.root.rglob("*")}
    monkeypatch.setattr(os, "access", lambda *_: False)
    bench.run(PLAN, backbone("plain", Watching))
    assert bench.reporter.problems == [
        f"{bench.folder.path} cannot be written to, and nothing is left to do there",
    ]
    assert {file: file.stat().st_mtime_ns for file in bench.root.rglob("*")} == before


def test_names_that_no_terminal_shows_are_refused(bench: Bench) -> None:
    """Of a class or an image, before anything is computed."""

    class Named(Squares):
        def name(self, index: int) -> str:
            return f"{super().name(index)}\x1b[2J"

    for data, noun in (
        (replace(DATASET, classes=("ground", "squ\nare"), excluded=frozenset()), "class"),
        (replace(DATASET, load=lambda: Splits(Named(0, 9), Squares(100, 30))), "image"),
    ):
        with pytest.raises(UserError, match=rf"the {noun} 'squ.* has a letter that no terminal shows; rename it in"):
            bench.run(PLAN, backbone("plain", Watching), data=data)
    assert not bench.folder.path.exists()


def test_other_images_need_another_folder(bench: Bench) -> None:
    """Scores on two sets of images never stand in one folder, be they called alike."""
    bench.run(PLAN, backbone("plain", Watching))
    other = replace(DATASET, load=lambda: Splits(Squares(1, 9), Squares(100, 30)))
    with pytest.raises(ResultError) as caught:
        bench.run(PLAN, backbone("plain", Watching), data=other)
    assert str(caught.value) == (
        f"{bench.folder.path} holds a run with other images or classes than those scored: 1 of 26 are gone (square 0); "
        "choose another --out, or put back what was scored"
    )
    with pytest.raises(ResultError, match=r"holds a run with another protocol \(seed 0, not 1\); choose another --out"):
        bench.run(replace(PLAN, seed=1), backbone("plain", Watching))
