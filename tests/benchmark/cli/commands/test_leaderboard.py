"""`partbench leaderboard`: tables of what was scored, for people and programs."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from partbench.benchmark.plan import COPY, Cell, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder

TABLE_WIDTH = 80


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


def test_a_leaderboard_can_be_read_by_programs(call: Call, made: Path) -> None:
    """CSV, Markdown and JSON hold the same numbers: means, half-widths and draws, by backbone, head and shots."""
    rows = json.loads(call("leaderboard", made, "--format", "json").out)
    assert len(rows) == 2 * 2 * 2 + 2
    columns = ["backbone", "head", "shots"]
    for metric in ("paper_weighted", "mean", "small_parts"):
        columns += [metric, f"{metric} ±", f"{metric} rank"]
    assert list(rows[0]) == [*columns, "draws", "not converged"]
    table = pd.read_csv(io.StringIO(call("leaderboard", made, "--format", "csv").out))
    assert table["mean"].tolist() == [row["mean"] for row in rows]
    lines = call("leaderboard", made, "--format", "md", "--metric", "mean").out.splitlines()
    assert lines[0] == "| backbone | head | shots | mean | mean ± | mean rank | draws | not converged |"
    assert len(lines) == 2 + len(rows)


def test_a_leaderboard_for_people(call: Call, made: Path) -> None:
    """One table per metric, each with what its numbers are."""
    text = call("leaderboard", made).out
    for metric in ("paper_weighted", "mean"):
        assert f"faces: {metric} IoU, %; 3 draws x 4 test images, ± 95 % interval" in text
    assert "faces: small_parts IoU: no class here counts in it\n(as mean, over the classes with less than 2 %" in text
    assert {"linear", "cnn-s", "pixels", "position", "copy"} <= set(text.split())
    assert max(map(len, text.splitlines())) <= TABLE_WIDTH


@pytest.mark.parametrize("kind", ["table", "csv", "md", "json"])
def test_every_class_has_its_score(call: Call, made: Path, kind: str) -> None:
    """--per-class names the classes in every format."""
    answer = call("leaderboard", made, "--per-class", "--format", kind)
    assert answer.code == 0
    assert all(name in answer.out for name in ("ground", "hair", "skin"))


def test_many_classes_come_in_several_tables(call: Call, tmp_path: Path) -> None:
    """Nothing is cut off at 80 columns."""
    folder = RunFolder(tmp_path / "run")
    plan = Plan("faces", ("pixels",), ("linear",), shots=(1,), draws=1)
    classes = tuple(f"a-long-class-{i}" for i in range(12))
    folder.write_plan(plan, {})
    for cell in plan.cells():
        folder.write(CellResult(cell, classes, confusion=np.ones((1, 12, 12), dtype=np.int64)))
    text = call("leaderboard", folder.path, "--per-class").out
    assert all(name in text for name in classes)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= TABLE_WIDTH


def test_what_did_not_converge_is_marked_and_counted(call: Call, run: Path) -> None:
    """In the table and the line below it, as a column for programs, and above a comparison; the rest is not known."""
    folder = RunFolder(run)
    result = folder.read(Cell("pixels", "linear", 5, 1))
    assert result
    fit = {"steps": 9, "settled": None, "loss": 0.9, "iou": 0.2, "constant": 0.2, "accuracy": 0.5}
    folder.write(replace(result, provenance={**result.provenance, "fit": fit}))
    said = "1 of 24 cells did not converge: linear 1; their heads do not fit their own shots (!)"
    for kind in ((), ("--per-class",)):
        text = " ".join(call("leaderboard", run, *kind).out.split())
        assert said in text and "whether 23 of 24 cells converged is not known" in text
        assert ("linear!" if kind else "!") in text.partition("1 of 24")[0]
    rows = json.loads(call("leaderboard", run, "--format", "json").out)
    found = {(row["backbone"], row["head"], row["shots"]): row["not converged"] for row in rows if row["head"] != "-"}
    assert found.pop(("pixels", "linear", 5)) == 1
    assert set(found.values()) == {None}
    assert said in call("compare", run).err


def test_a_damaged_cell_is_set_aside(call: Call, run: Path) -> None:
    """It is named on stderr with its mend, and the leaderboard is made of the rest."""
    file = RunFolder(run).cell_file(Cell("pixels", "linear", 5, 1))
    file.write_text("{")
    answer = call("leaderboard", run, "--format", "json")
    assert answer.code == 0
    assert str(file) in answer.err
    assert answer.err.count("\n") == 2
    draws = {(r["backbone"], r["head"], r["shots"]): r["draws"] for r in json.loads(answer.out)}
    assert draws.pop(("pixels", "linear", 5)) == 2
    assert set(draws.values()) == {3}


def test_a_failed_cell_says_why(call: Call, run: Path) -> None:
    """On stderr, each reason once."""
    for draw in range(2):
        RunFolder(run).write(
            CellResult(Cell("pixels", "linear", 5, draw), ("a",), error="it broke", provenance={"data": "abc"})
        )
    answer = call("leaderboard", run)
    assert (answer.code, answer.err.count("\n")) == (0, 2)
    assert "2 cells failed" in answer.err and answer.err.count("it broke") == 1


def test_a_run_that_is_named_twice_counts_once(call: Call, made: Path, run: Path) -> None:
    """Copies of a cell are no further draws; other protocols and images get a leaderboard of their own."""
    once = call("leaderboard", made, "--format", "json").out
    assert call("leaderboard", made, run, "--format", "json").out == once
    folder = RunFolder(run)
    folder.write_plan(folder.read_plan(), {"data": "other images"})
    fill(folder, folder.read_plan(), data="other images")
    both = call("leaderboard", made, run, "--metric", "mean").out
    assert "faces: mean IoU" in both
    assert f"{run}: mean IoU" in both


def test_a_leaderboard_needs_no_torch(made: Path) -> None:
    """Scores are computed from numbers alone, at once."""
    code = (
        "import sys; from partbench.benchmark.cli.main import main\n"
        f"sys.argv = ['partbench', 'leaderboard', {str(made)!r}]\n"
        "try: main()\nexcept SystemExit as stop: assert not stop.code\n"
        "print({'torch', 'torchvision', 'timm', 'PIL'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_in_markdown_names_stay_data(call: Call, tmp_path: Path) -> None:
    """Neither markup nor a bar in the name of a class or a backbone is more than itself."""
    folder = RunFolder(tmp_path / "run")
    plan = Plan("faces", ("a|<b>", "vae"), ("linear",), shots=(1,), draws=1)
    folder.write_plan(plan, {})
    for cell in plan.cells():
        folder.write(CellResult(cell, ("<img src=x onerror=a>", "b|c"), confusion=np.ones((2, 2, 2), dtype=np.int64)))
    for options in ((), ("--per-class",)):
        lines = call("leaderboard", folder.path, "--format", "md", *options).out.splitlines()
        assert len({line.count("|") for line in lines}) == 1
        assert not {"<", ">"} & set("".join(lines))
    assert "&#60;img src&#61;x onerror&#61;a&#62;" in lines[0]


@pytest.mark.parametrize("letter", ["\x1b", "\n", "\u202e"])
def test_a_name_that_steers_the_terminal_is_refused(call: Call, tmp_path: Path, letter: str) -> None:
    """Whoever made the folder of a run, what it prints is text: a class or a backbone with such a letter is damage."""
    folder, name = RunFolder(tmp_path / "run"), f"nose{letter}[2J"
    plan = Plan("faces", ("vae", "pixels"), ("linear",), shots=(1,), draws=1)
    folder.write_plan(plan, {})
    for cell, classes in zip(plan.cells(), (("a", "b"), ("a", name)), strict=True):
        folder.write(CellResult(cell, classes, confusion=np.ones((1, 2, 2), dtype=np.int64)))
    answer = call("leaderboard", folder.path)
    assert answer.code == 0
    assert f"is damaged (the class {name!r} has a letter that no terminal shows; rename it)" in answer.err
    folder.write_plan(Plan("faces", (name,), ("linear",)), {})
    answer = call("leaderboard", folder.path)
    assert answer.code == 2
    assert letter not in answer.err.rstrip("\n") + answer.out


def test_a_draw_that_is_missing_is_told(call: Call, run: Path) -> None:
    """By every verb that takes the scores as they are: the mean of fewer draws looks like that of all."""
    for file in (run / "cells").glob("pixels--linear--5-shot--draw-0.*"):
        file.unlink()
    said = "1 of 10 scores are of fewer draws than others: pixels linear at 5 shots (2 of 3)"
    assert said in call("leaderboard", run).err
    assert said in call("compare", run, "--between", "pixels", "position").err


def test_a_note_of_the_contract_that_was_emptied_is_told(call: Call, run: Path) -> None:
    """A run that never wrote one has no such line."""
    assert "contract:" not in call("leaderboard", run).out
    (run / "checks.json").write_text("{}")
    assert "contract: the run noted nothing" in call("leaderboard", run).out
