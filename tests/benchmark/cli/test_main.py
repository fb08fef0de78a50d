"""The command line: every verb says how it is called, answers people and programs, and errs in one sentence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

from partbench.benchmark.cli.main import app
from partbench.benchmark.plan import COPY, Plan
from partbench.benchmark.results import CellResult, RunFolder

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two backbones and two heads that was never computed: its scores are made up."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "faces")
    plan = Plan("faces", ("pixels", "position", COPY), ("linear", "cnn-s"), shots=(1, 5), draws=3, size=16)
    folder.write_plan(plan, {"data": "abc"})
    fill(folder, plan)
    return folder.path


def fill(folder: RunFolder, plan: Plan, data: str = "abc") -> None:
    random = np.random.default_rng(0)
    for cell in plan.cells():
        confusion = random.integers(0, 20, (4, 3, 3)) + 20 * np.eye(3, dtype=np.int64)
        folder.write(CellResult(cell, ("ground", "hair", "skin"), (), None, confusion, {"data": data}))


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(made, tmp_path / "run"))


VERBS = list(get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("verb", [[], *([verb] for verb in VERBS)], ids=str)
def test_every_verb_has_an_example(call: Call, verb: list[str]) -> None:
    """--help ends with a command to copy."""
    answer = call(*verb, "--help")
    assert answer.code == 0
    assert "Example:  partbench" in answer.out


RUN = ("run", "--out", "OUT", "--head", "linear")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*RUN, "--backbone", "pixel"), "no backbone is called 'pixel'; did you mean 'pixels'?"),
        ((*RUN, "--backbone", "zzz*"), "no backbone matches 'zzz*'; there are "),
        (("run", "--backbone", "pixels", "--head", "linaer"), "no head is called 'linaer'; did you mean 'linear'?"),
        ((*RUN, "--dataset", "face"), "no dataset is called 'face'; did you mean 'faces'?"),
        ((*RUN, "--shots", "one"), "--shots takes numbers with commas, as 1,5,10, and not 'one'"),
        ((*RUN, "--shots", "1,,5"), "--shots takes numbers with commas, as 1,5,10, and not '1,,5'"),
        ((*RUN, "--shots", "0,1"), "--shots 0,1 asks for fewer than one image; begin with 1"),
        ((*RUN, "--shots", "9", "--pool", "4"), "faces has 4 labelled images to draw 9 shots from; raise --pool, or"),
        ((*RUN, "--shots", "1001", "--pool", "9999"), "faces has 1000 labelled images to draw 1001 shots from; label"),
        ((*RUN, "--schedule", "slow"), "there is no schedule 'slow'; choose paper, medium, quick"),
        ((*RUN, "--features", "big"), "there is no scaling of features 'big'; choose rms, none, standard"),
        ((*RUN, "--device", "abacus"), "there is no device 'abacus' here ("),
        ((*RUN, "--split", "pool2"), "there is no split 'pool2'; choose test, validation"),
        (("leaderboard", "OUT"), "OUT holds no run (no plan.json); name a folder of partbench run"),
        (
            ("leaderboard", "MADE", "--metric", "dice"),
            "there is no metric 'dice'; choose paper_weighted, mean, small_parts, dataset_mean, ",
        ),
        (("leaderboard", "MADE", "--format", "xml"), "there is no format 'xml'; choose table, csv, md, json"),
        (("list", "cats"), "there is no shelf 'cats'; choose backbones, heads, datasets, reporters, presets"),
        (("check", "lineer"), "no backbone is called 'lineer'; "),
        (("run", "--backbone", "copy", "--head", "linear", "--out", "FILE"), "FILE"),
    ],
)
def test_a_mistake_is_one_sentence(
    call: Call, made: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    """The fact, the culprit and the mend on stderr, exit code 2, no traceback."""
    (tmp_path / "file").write_text("no folder")
    paths = {"OUT": str(tmp_path / "out"), "MADE": str(made), "FILE": str(tmp_path / "file")}
    answer = call(*(paths.get(argument, argument) for argument in arguments))
    for name, path in paths.items():
        sentence = sentence.replace(name, path)
    last = answer.err.splitlines()[-1]
    assert answer.code == 2
    assert last.startswith("partbench: ")
    assert sentence in last
    assert "Traceback" not in answer.err + answer.out
