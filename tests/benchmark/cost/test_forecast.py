"""A forecast adds up what a rehearsal measured, counts what is done as free, and refuses what cannot fit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from partbench.backbones.backbone import Backbone
from partbench.benchmark import machine
from partbench.benchmark.cli.commands.plan_tables import duration, volume
from partbench.benchmark.cost import feature_timing
from partbench.benchmark.cost.feasibility import Feasibility, extent_of
from partbench.benchmark.cost.figures import BackboneFigures, HeadFigures
from partbench.benchmark.cost.forecast import STAGES, Extent, cached_shots, materialised, memory, needs
from partbench.benchmark.cost.rehearsal import Rehearsal
from partbench.benchmark.metrics.confusion import confuse
from partbench.benchmark.metrics.power import ONE_SIDED, TWO_SIDED, Components, smallest_difference
from partbench.benchmark.plan import COPY, NO_HEAD, Cell, Plan
from partbench.benchmark.results import CellResult, ResultError, RunFolder
from partbench.benchmark.run.task import SegmentationTask
from partbench.benchmark.scores.detectable import (
    TYPICAL,
    detectable_difference,
    pair_components,
    run_components,
    typical_components,
)
from partbench.datasets.dataset import Dataset, Splits
from partbench.heads.cnn import NETWORKS, Cnn
from partbench.heads.head import Head
from partbench.heads.linear import Linear
from partbench.heads.mlp import NETWORKS as MLPS
from partbench.heads.mlp import Mlp
from partbench.heads.pixelwise import dense

HEADS = {"linear": HeadFigures(1, 2, 3, 1000, 500), "mlp": HeadFigures(0, 1, 5, 4000, 7000)}
SLOW = BackboneFigures(
    load=7, read=1, invert=100, describe=10, rebuild=2, missing={"scale": 1, "shots": 2, "test": 3},
    code=50, channels=6, maps=96, memory=10_000, slice=4, heads=HEADS,
)  # fmt: skip
EXTENT = Extent(16, {1: 3, 5: 11}, 20, 8, 3, steps=lambda head, shots: 4 * shots)
CELLS = [Cell("slow", head, shots, 0) for head in HEADS for shots in (1, 5)]


def test_the_stages_add_up() -> None:
    """Every image is read and described once, those without a code inverted; every head takes its steps."""
    found = needs(SLOW, CELLS, EXTENT)
    assert found.stages == {
        "load": 7,
        "scale": 16 * 11 + 100,
        "shots": 11 * 11 + 2 * 100,
        "fit": 2 * 1 + 2 * (4 + 20) + (4 + 20),
        "score": 20 * 11 + 3 * 100 + 20 * 2 + 2 * 20 * 3 + 2 * 20 * 5,
    }
    assert found.seconds == sum(found.stages.values())
    assert found.cells[CELLS[1]] == 1 + 2 * 20 + 20 * 3
    assert found.codes == 6 * 50
    assert found.units == 2 * 1000 + 2 * 4000
    assert needs(replace(SLOW, missing={}), CELLS, EXTENT).seconds == found.seconds - 600


def test_what_is_done_is_free() -> None:
    """A backbone without cells that are left is not even loaded."""
    found = needs(SLOW, [], EXTENT)
    assert (found.seconds, found.memory, found.units, found.codes) == (0, 0, 0, 0)
    assert set(found.stages) == set(STAGES)


@given(st.sets(st.integers(0, 3)), st.sets(st.integers(0, 3)))
def test_more_cells_never_take_less(some: set[int], more: set[int]) -> None:
    """Neither time nor memory nor disk."""
    few, many = (needs(SLOW, [CELLS[i] for i in chosen], EXTENT) for chosen in (some, some | more))
    for what in ("seconds", "memory", "results", "units", "codes"):
        assert getattr(few, what) <= getattr(many, what)


def test_memory_is_what_is_held_at_once() -> None:
    """The backbone, the maps of all shots, every head, and what is at work: a head, or the backbone."""
    slow = replace(SLOW, weights=500)
    held = 500 + 96 * 11 + 2 * 1000 + 2 * 4000
    assert memory(slow, CELLS, EXTENT) == held + 3 * 4000 + 7000
    assert memory(replace(slow, memory=30_000), CELLS, EXTENT) == held + 30_000
    idle = replace(slow, memory=0, heads=dict.fromkeys(HEADS, HeadFigures()))
    assert memory(idle, CELLS, EXTENT) == held - 10_000 + 2 * 4 * 96


def test_maps_of_shots_take_half_of_what_is_left() -> None:
    """The others are described at every step that asks for them: less memory, more time."""
    slow, tight = replace(SLOW, weights=500), replace(EXTENT, room=500 + 2 * 3 * 96)
    assert (cached_shots(slow, EXTENT), cached_shots(slow, tight), cached_shots(slow, replace(EXTENT, room=7))) == (
        11,
        3,
        0,
    )
    slice_ = 4 * 96
    assert memory(slow, CELLS, tight) == memory(slow, CELLS, EXTENT) - 8 * 96 + slice_
    one, five = (cell for cell in CELLS if cell.head == "linear")
    short, long = (needs(slow, CELLS, extent).cells for extent in (EXTENT, tight))
    assert long[one] == short[one]
    assert long[five] == pytest.approx(short[five] + 20 * 2 / 5 * 10)


@pytest.mark.parametrize("shapes", [[(3, 8, 8)], [(4, 2, 2), (2, 16, 16)]])
def test_eq_1_is_counted_as_it_would_be_made(shapes: list[tuple[int, ...]]) -> None:
    """As many bytes as the tensor F has."""
    features = dense([torch.zeros(5, *shape) for shape in shapes], 8)
    figures = BackboneFigures(channels=sum(shape[0] for shape in shapes))
    assert materialised(figures, 5, 8) == features.nelement() * features.element_size()


def outlook(**changes: Any) -> Feasibility:
    plan = Plan("toys", ("slow", "quick"), tuple(HEADS), shots=(1, 5), draws=1, size=32)
    quick = [replace(cell, backbone="quick") for cell in CELLS]
    figures = {"slow": SLOW, "quick": BackboneFigures(heads=HEADS)}
    return Feasibility(plan, {"slow": tuple(CELLS), "quick": tuple(quick)}, figures, EXTENT, 1000, **changes)


def test_backbones_come_one_after_the_other() -> None:
    """The highest memory is that of the largest; trained heads lie there of one backbone at a time."""
    found = outlook()
    assert (found.memory, found.largest) == (1000 + memory(SLOW, CELLS, EXTENT), "slow")
    assert found.disk == sum(one.results for one in found.needs.values()) + 10_000
    assert "broken" not in replace(found, left={"broken": ()}, figures={"broken": BackboneFigures(error="no")}).needs


def test_what_would_fit_is_said() -> None:
    """Fewer heads at once, fewer shots, smaller masks: each with the memory that it takes, none above the limit."""
    found = outlook()
    every = dict(found.smaller(found.memory))
    assert list(every) == ["one --head after the other", "--shots 1", "--size 16", "--size 8"]
    assert max(every.values()) <= found.memory
    one = max(memory(SLOW, [c for c in CELLS if c.head == head], EXTENT) for head in HEADS)
    assert every["one --head after the other"] == 1000 + one
    assert every["--size 16"] == found.memory - 7000 + 7000 // 4
    limit = every["--size 16"] - 1
    assert dict(found.smaller(limit)) == {option: size for option, size in every.items() if size <= limit}
    assert "--size 8" in dict(found.smaller(limit))
    assert found.smaller(0) == []


def made(folder: Path, backbones: Sequence[str], draws: int = 3, shots: Sequence[int] = (1, 5)) -> list[CellResult]:
    """Scores of backbones that differ, by images and by draws."""
    random, run = np.random.default_rng(0), RunFolder(folder)
    plan = Plan("faces", tuple(backbones), ("linear",), shots=tuple(shots), draws=draws, size=8)
    run.write_plan(plan, {"data": "abc"})
    truth = random.integers(0, 3, (6, 8, 8))
    for cell in plan.cells():
        wrong = random.random(truth.shape) < 0.1 + 0.1 * plan.backbones.index(cell.backbone) + 0.1 * random.random()
        guess = np.where(wrong, random.integers(0, 3, truth.shape), truth)
        run.write(CellResult(cell, ("a", "b", "c"), (), None, confuse(guess, truth, 3), {"data": "abc"}))
    return run.results()[0]


def test_a_promise_is_the_power_of_known_differences(tmp_path: Path) -> None:
    """The median over pairs of the smallest difference, among all comparisons of the plan."""
    results = made(tmp_path, ("x", "y", "z"))
    known = pair_components(results, 5)
    assert len(known) == 3
    found = detectable_difference(known, 5, draws=4, images=50, backbones=4, held=12)
    expected = sorted(smallest_difference(c, 4, 50, comparisons=6, sides=TWO_SIDED) for c in known)
    assert (found.lowest, found.difference, found.highest) == tuple(expected)
    assert (found.pairs, found.comparisons) == (3, 6)
    drops = sorted(smallest_difference(c, 4, 50, comparisons=12, sides=ONE_SIDED) for c in known)
    assert (found.drop, found.held) == (drops[1], 12)
    assert detectable_difference(known, 5, draws=8, images=200, backbones=4, held=12).difference < found.difference


def test_chance_is_taken_from_the_nearest_number_of_shots(tmp_path: Path) -> None:
    """Of the run that is named, else of the record."""
    results = made(tmp_path, ("x", "y"))
    assert run_components(results, 1) == pair_components(results, 1)
    assert run_components(results, 100) == pair_components(results, 5)
    assert typical_components(1) == [TYPICAL[1]]
    assert typical_components(1000) == [TYPICAL[max(TYPICAL)]]
    assert all(isinstance(known, Components) and min(known) >= 0 for known in TYPICAL.values())
    with pytest.raises(ResultError, match="has no two backbones with two draws in common; name one with"):
        run_components(made(tmp_path / "one", ("x", "y"), draws=1), 1)
    with pytest.raises(ResultError, match="no two backbones"):
        run_components(made(tmp_path / "single", ("x",)), 1)


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
}


@pytest.fixture
def rehearsal(tmp_path: Path) -> Rehearsal:
    splits = Splits(Noise(0), Noise(100), unlabelled=Noise(200))
    task = SegmentationTask.open(Dataset("noise", ("a", "b", "c"), lambda: splits), PLAN)
    return Rehearsal(task, RECORDS, torch.device("cpu"), tmp_path / "codes")


def test_a_rehearsal_measures_every_stage(rehearsal: Rehearsal) -> None:
    """What it inverts is kept and counts as done; heads say how they read eq. (1)."""
    slow = Inverting()
    figures = rehearsal.figures(Backbone("slow", 16, (3, 3), load=lambda: slow), PLAN.heads)
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
    assert extent.steps("linear", 2) == 100
    again = rehearsal.figures(Backbone("slow", 16, (3, 3), load=lambda: slow), PLAN.heads)
    assert slow.inverted == 10
    assert again.heads == figures.heads


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
    figures = rehearsal.figures(Backbone("long", 16, (3, 3), load=lambda: long), ("linear",))
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

    assert rehearsal.figures(Backbone("x", 16, (3,), load=fail), ()).error == "OSError: no such weights"


def test_time_and_bytes_are_for_people() -> None:
    """Few digits, and the unit that suits."""
    assert [duration(s) for s in (0.04, 9.96, 59.4, 61, 7265)] == ["0.0 s", "10 s", "59 s", "1:01", "2:01:05"]
    assert [volume(b) for b in (512, 2**20, 3 * 2**29)] == ["0 KiB", "1 MiB", "1.5 GiB"]


def test_a_container_has_less_than_its_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its limit counts, less what it holds and cannot give back; a disk is looked up where the folder will be."""
    for name, text in (("memory.max", "1000"), ("memory.current", "900"), ("memory.stat", "anon 5\ninactive_file 50")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(machine, "GROUP", tmp_path)
    monkeypatch.setattr(machine, "resident", lambda: 7)
    if Path("/proc/meminfo").exists():
        assert machine.free_memory(torch.device("cpu")) == 157
    assert machine.free_disk(tmp_path / "not" / "there") > 0
    assert machine.same_disk(tmp_path / "a", tmp_path / "b" / "c")


Call = Callable[..., Any]
TINY = ("--backbone", "pixels", "--backbone", COPY, "--head", "linear", "--head", "mlp-1", "--shots", "1,2",
        "--draws", 2, "--test", 3, "--pool", 6, "--size", 32)  # fmt: skip


def test_a_plan_is_told_before_it_is_run(tmp_path: Path, call: Call) -> None:
    """For people in 80 columns; nothing is written into the run's folder."""
    out = tmp_path / "run"
    code, said, _ = call("plan", *TINY, "--out", out)
    assert code == 0
    assert "faces: 12 cells, 0 of them done, 12 to compute on cpu" in said
    assert "one cell of 2 shots: its training and its predictions" in said
    flat = " ".join(said.split())
    assert "eq. (1) of pixels, 23 channels at 32 x 32 pixels: F of 2 shots would be 184 KiB" in flat
    assert "F is sampled at 512 pixels (linear, mlp-1)" in flat
    assert "that is shown four times in five, 1 compared together, 2 draws: " in flat
    assert max(len(line) for line in said.splitlines() if str(tmp_path) not in line) <= 80
    assert not out.exists()


def test_one_score_promises_nothing(call: Call) -> None:
    """Where no difference can be shown that is said, and null in JSON."""
    tiny = [1 if before in ("--draws", "--test") else word for before, word in zip(("", *TINY), TINY, strict=False)]
    code, said, _ = call("plan", *tiny, "--json")
    promised = json.loads(said, parse_constant=pytest.fail)["smallest difference"]["by shots"]
    assert code == 0 and promised and all(one["difference"] is None for one in promised)
    said = " ".join(call("plan", *tiny)[1].split())
    assert "one draw and one test image show no difference, however large; raise --draws or --test" in said


def test_cells_that_are_done_are_free(tmp_path: Path, call: Call) -> None:
    """After the run nothing is left of its plan, and other cells are; a plan of other images is refused."""
    out = tmp_path / "run"
    before = json.loads(call("plan", *TINY, "--out", out, "--json")[1])
    assert before["cells"] == {"all": 12, "left": 12}
    assert before["seconds"] > 0
    pixels, copy = before["backbones"]
    assert len(pixels["cells"]) == 8
    assert set(pixels["eq. (1)"]["strategy"].values()) == {"sampled at 512 pixels"}
    assert sum(copy["seconds"].values()) == 0
    assert call("run", *TINY, "--out", out)[0] == 0
    after = json.loads(call("plan", *TINY, "--out", out, "--json")[1])
    assert (after["cells"]["left"], after["seconds"]) == (0, 0)
    more = json.loads(call("plan", *TINY, "--head", "cnn-s", "--out", out, "--json")[1])
    assert more["cells"] == {"all": 16, "left": 4}
    assert {cell["head"] for cell in more["backbones"][0]["cells"]} == {"cnn-s"}
    liked = json.loads(call("plan", *TINY, "--out", out, "--like", out, "--json")[1])["smallest difference"]
    assert (liked["source"], [one["pairs"] for one in liked["by shots"]]) == (str(out), [1, 1])
    code, _, err = call("plan", *TINY, "--out", out, "--seed", 3)
    assert code == 2
    assert err.endswith("holds a run with another protocol (seed 0, not 3); choose another --out\n")


def test_what_cannot_fit_is_refused(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with what is free and what would fit, exit code 2; the tables are printed all the same."""
    code, said, err = call("plan", *TINY, "--out", tmp_path / "run", "--memory", 0.001)
    last = err.splitlines()[-1]
    assert code == 2
    assert "one cell of 2 shots" in said
    assert last.startswith("partbench: pixels takes ")
    assert last.endswith("GiB of memory and 0.00 are free; no smaller plan of this backbone fits, leave it out")
    monkeypatch.setattr(machine, "free_disk", lambda path: 100)
    code, _, err = call("plan", *TINY, "--out", tmp_path / "run")
    assert code == 2
    assert f"partbench: {tmp_path / 'run'} would take 0.00 GiB of disk and 0.00 are free; name a place on" in err


def test_a_mistake_is_one_sentence(tmp_path: Path, call: Call) -> None:
    """As for `partbench run`, before anything is measured."""
    for arguments, sentence in (
        (("--backbone", "pixel"), "no backbone is called 'pixel'; did you mean 'pixels'?"),
        (("--schedule", "slow"), "there is no schedule 'slow'; choose paper, medium, quick"),
        (("--like", tmp_path / "none"), f"{tmp_path / 'none'} holds no run (no plan.json); name a folder"),
    ):
        code, _, err = call("plan", "--head", "linear", *arguments, "--out", tmp_path / "run")
        assert (code, err.startswith(f"partbench: {sentence}")) == (2, True), err


def test_a_cell_without_a_head_trains_nothing() -> None:
    """The control `copy`."""
    found = needs(BackboneFigures(), [Cell(COPY, NO_HEAD, 1, 0)], EXTENT)
    assert found.seconds == 0
    assert found.results > 0
