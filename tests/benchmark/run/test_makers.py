"""A score belongs to the weights and the code that made it: the same command does not take it for those of others."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from partbench.backbones.backbone import Backbone
from partbench.benchmark.plugins.catalogue import Offer
from partbench.benchmark.results import CellResult
from partbench.benchmark.run.features import FeatureSource
from partbench.benchmark.run.journal import Journal
from partbench.benchmark.run.makers import Makers
from partbench.benchmark.run.schedules import SCHEDULES
from partbench.benchmark.run_folder import RunFolder

PLUGIN = """
import os
from partbench import hookimpl
from partbench.backbones.backbone import Backbone
from partbench.heads.head import Head
from partbench.benchmark.run.schedules import SCHEDULES, Schedule

SCHEDULES["quick"] = Schedule(rate=0.05, steps=20)

def load():
    def extract(images):
        if len(images) == 3 and "STOP" in os.environ:
            os._exit(9)
        return [(images - 0.4).roll(4 * GAIN, 3)]
    return extract

GAIN = 1

def build(channels, classes):
    from partbench.heads.linear import Linear
    return Linear(channels, classes)

@hookimpl
def partbench_backbones():
    yield Backbone("toy", 16, (3,), load)

@hookimpl
def partbench_heads():
    yield Head("toy-head", build)
"""
COMMAND = (
    "run --dataset faces --backbone toy --backbone pixels --head toy-head --head linear --shots 4 --draws 1 "
    "--test 19 --pool 6 --size 16 --device cpu --out"
)


class Inverting:
    """Its code of an image is the image."""

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images]

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        return {"w": images}

    def maps(self, codes: dict[str, Tensor]) -> list[Tensor]:
        return [codes["w"]]

    def reconstruct(self, codes: dict[str, Tensor]) -> Tensor:
        return codes["w"]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backbone and a head in the working folder, and short trainings."""
    monkeypatch.setitem(SCHEDULES, "quick", SCHEDULES["quick"])  # puts back what the plugin sets
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "partbench_plugins.py"
    file.write_text(PLUGIN)
    return file


def journal() -> list[str]:
    """The heads that were trained and slices that were scored, in their order."""
    return [line["of"] for line in Journal(Path("run")).read() if line["unit"] in ("fit", "score")]


def scores(run: str) -> list[CellResult]:
    found, damaged = RunFolder(Path(run)).results()
    assert not damaged and len(found) == 4
    return found


def edit(file: Path) -> None:
    file.write_text(file.read_text().replace("GAIN = 1", "GAIN = 2"))


def test_scores_of_other_code_are_computed_again(plugin: Path, call) -> None:  # type: ignore[no-untyped-def]
    """All that the edited file has a part in, which is said, and no others; then nothing is left to do."""
    call(*COMMAND.split(), "run")
    before = scores("run")
    call(*COMMAND.split(), "run")
    done = 4 + 2 * 2
    assert len(journal()) == done
    edit(plugin)
    said = " ".join(call(*COMMAND.split(), "run").out.split())
    for name in ("toy", "toy-head"):
        assert f"2 scores are of other code of {name} than now, and computed again" in said
    again = [of for of in journal()[done:] if "--" in of]
    assert {*again} == {result.cell.slug for result in before if "toy" in result.cell.slug} and len(again) == 3
    for old, new in zip(before, scores("run"), strict=True):
        same = np.array_equal(old.confusion, new.confusion)  # type: ignore[arg-type]
        assert same == (old.cell.backbone == "pixels"), "only the maps changed"
    call(*COMMAND.split(), "run")
    assert len(journal()) == done + 3 + 2 * 2


def test_what_a_killed_run_left_is_not_taken_for_that_of_other_code(plugin: Path, call, program) -> None:  # type: ignore[no-untyped-def]
    """A head that was trained on the old maps does not score the new ones."""
    stopped = program(*COMMAND.split(), "run", STOP="1")
    stopped.communicate()
    assert stopped.returncode == 9
    assert len(list(Path("run/units").rglob("*.pt"))) == 2
    shutil.rmtree("run/claims")  # which would have it score in a process of its own
    edit(plugin)
    said = " ".join(call(*COMMAND.split(), "run").out.split())
    assert "what a stopped run left of toy is of other weights or code; it is made again" in said
    call(*COMMAND.split(), "fresh")
    for ours, theirs in zip(scores("run"), scores("fresh"), strict=True):
        assert np.array_equal(ours.confusion, theirs.confusion)  # type: ignore[arg-type]


def test_what_enlarges_maps_counts_among_the_weights(tmp_path: Path) -> None:
    """Another upsampler makes other scores, and codes of images are those of the same network still."""
    for name in ("net", "one", "two"):
        (tmp_path / name).write_text(name)
    hashes = {}
    for name in ("", "one", "two"):
        file = tmp_path / name if name else None
        record = Backbone("toy", 8, (3,), load=Inverting, weights=tmp_path / "net", upsampler=file)
        hashes[name] = Makers({"toy": Offer(record, "partbench")}, {}).weights("toy")
        source = FeatureSource.open(record, torch.device("cpu"), tmp_path)
        assert source.weights == hashes[name] and source.codes
        assert source.codes.weights == hashes[""]
    assert len(set(hashes.values())) == 3
