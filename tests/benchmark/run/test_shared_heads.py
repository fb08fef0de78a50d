"""Workers that have slices of one backbone train its heads between them, and each is trained once."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from partbench.benchmark.run.claims import Claims
from partbench.benchmark.run.journal import Journal

PLUGIN = """
import os, signal, time
from pathlib import Path
import torch
import partbench
from partbench.backbones.backbone import Backbone
from partbench.datasets.dataset import Dataset, Splits
from partbench.heads.head import Head
from partbench.heads.linear import Linear

class Blots:
    def __init__(self, first, count):
        self.first, self.count = first, count

    def __len__(self):
        return self.count

    def name(self, index):
        return f"blot {self.first + index}"

    def masks(self, indices, size):
        return self.images(indices, size).gt(0.5).any(1).long()

    def images(self, indices, size):
        images = torch.cat([self.draw(i) for i in indices])
        return images.repeat_interleave(size // 4, 2).repeat_interleave(size // 4, 3)

    def draw(self, index):
        return torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(self.first + index)) ** 2

@partbench.hookimpl
def partbench_datasets():
    splits = lambda: Splits(Blots(0, 9), Blots(100, 9), unlabelled=Blots(200, 16))
    yield Dataset("blots", ("ground", "blot"), splits)

def once(what):
    mark = Path(__file__).with_name(what)
    try:
        mark.open("x").close()
    except FileExistsError:
        return False
    return True

def extract(images):
    return [torch.nn.functional.avg_pool2d(images, 32) * 2]

class Fatal(Linear):
    def forward(self, maps, size):
        if os.environ.get("KILL") == ("train" if self.training else "score") and once("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(maps, size)

    def at(self, maps, pixels, size):
        if os.environ.get("KILL") == "train" and once("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().at(maps, pixels, size)

@partbench.hookimpl
def partbench_backbones():
    yield Backbone("a", 512, (3,), lambda: extract)

@partbench.hookimpl
def partbench_heads():
    yield Head("fatal", Fatal)
"""
"""A backbone of which every test image is a slice, and a head that ends one process."""
CellsOf = Callable[[Path], dict[str, Any]]
NAMES = (
    "--dataset",
    "blots",
    "--backbone",
    "a",
    "--head",
    "ridge",
    "--head",
    "fatal",
    "--shots",
    "1,2",
    "--draws",
    "2",
)
RUN = ("run", *NAMES, *("--test", 7, "--pool", 6, "--size", 16, "--device", "cpu", "--out", "run"))
FITS, SLICES = 2 * 2 * 2, 7


@pytest.fixture(autouse=True)
def one_thread(tmp_path: Path, short_trainings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As many as a worker has here, since more of them add up in another order."""
    (tmp_path / "partbench_plugins.py").write_text(PLUGIN)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def alone(cells_of: CellsOf, forks: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The cells of a run that one process does undisturbed."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "partbench_plugins.py").write_text(PLUGIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        process = forks.Program(
            "from partbench.benchmark.cli.main import main; main()", RUN,
            {**forks.os.environ, "PARTBENCH_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        out, err = process.communicate()
    assert process.returncode == 0, out + err
    process.end()
    return cells_of(folder / "run")


def work(run: Path) -> list[str]:
    lines = Journal(run).read()
    return [f"{line['unit']} {line['of']}" for line in lines if line["unit"] in ("scale", "shots", "fit", "score")]


def twice(run: Path) -> list[str]:
    return [unit for unit, times in Counter(work(run)).items() if times > 1]


def left_behind(run: Path) -> list[Path]:
    return [*Claims(run).folder.iterdir(), *(run / "units").iterdir()]


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_have_slices_of_one_backbone(
    alone: dict[str, Any], cells_of: CellsOf, program: Callable[..., Any], tmp_path: Path, workers: int
) -> None:
    """The cells are those of one process; each head is trained once, each image tested once, by all of them."""
    run = tmp_path / "run"
    process = program(*RUN, "--workers", workers)
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    names = ", ".join(f"a part {number} of {workers}" for number in range(1, workers + 1))
    assert f"{workers} groups, by {workers} workers ({names})" in out
    assert cells_of(run) == alone
    assert twice(run) == []
    assert Counter(unit.split()[0] for unit in work(run) if not unit.startswith("shots")) == {
        "scale": workers, "fit": FITS, "score": SLICES
    }  # fmt: skip
    by = {line["by"] for line in Journal(run).read() if line["unit"] == "score"}
    assert len(by) == workers
    assert left_behind(run) == []


@pytest.mark.parametrize("moment", ["train", "score"])
def test_a_worker_that_is_killed_leaves_what_it_did(
    alone: dict[str, Any], cells_of: CellsOf, program: Callable[..., Any], tmp_path: Path, moment: str
) -> None:
    """While it trains a head, or reads an image: another takes over the head, and its part is done once more."""
    run = tmp_path / "run"
    process = program(*RUN, "--workers", 2, KILL=moment)
    out, err = process.communicate()
    assert process.returncode == 0, out + err
    assert "was ended by SIGKILL, as where memory runs out, while a part" in out
    assert cells_of(run) == alone
    assert [unit for unit in twice(run) if unit.split()[0] in ("fit", "score")] == []
    assert left_behind(run) == []


@pytest.mark.parametrize("again", [0, 3])
def test_a_run_that_is_killed_goes_on_with_other_workers(
    alone: dict[str, Any], cells_of: CellsOf, program: Callable[..., Any], tmp_path: Path, again: int
) -> None:
    """At any moment, with more, or none; what is stored is not made again."""
    run, chance = tmp_path / "run", random.Random()
    moment = chance.randrange(1, FITS + SLICES)
    process = program(*RUN, "--workers", 2)
    while process.poll() is None and len(work(run)) < moment:
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.1))
    process.send_signal(signal.SIGINT if chance.random() < 0.3 else signal.SIGKILL)
    process.communicate()
    second = program(*RUN, "--workers", again)
    out, err = second.communicate()
    assert second.returncode == 0, out + err
    assert cells_of(run) == alone, moment
    assert [unit for unit in twice(run) if unit.split()[0] in ("fit", "score")] == [], moment
    assert [*Claims(run).folder.iterdir()] == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_runs_of_other_cuts_into_one_folder(
    alone: dict[str, Any], cells_of: CellsOf, program: Callable[..., Any], tmp_path: Path
) -> None:
    """At the same time: each waits for what excludes its own, and finds it done."""
    processes = [program(*RUN, "--workers", workers) for workers in (2, 3, 0, 2)]
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, out + err
    run = tmp_path / "run"
    assert cells_of(run) == alone
    assert twice(run) == []
    assert left_behind(run) == []
