"""The command line: every verb says how it is called, answers people and programs, and errs in one sentence."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.main import get_command

from partbench.benchmark.cli.commands.check import names_of
from partbench.benchmark.cli.main import app
from partbench.benchmark.cli.terminal import open_console
from partbench.benchmark.plan import COPY, Cell, Plan
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.results import CellResult, RunFolder
from partbench.benchmark.scores.leaderboard import Leaderboard, estimates, places
from partbench.benchmark.scores.leaderboard_tables import rich_score_table

SIX = ("linear", "mlp-1", "mlp-2", "cnn-s", "cnn-m", "cnn-l")
TINY = ("--shots", "1,2", "--draws", "2", "--test", "3", "--pool", "6", "--size", "16")
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


VERBS = list(get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("verb", [[], *([verb] for verb in VERBS)], ids=str)
def test_every_verb_has_an_example(call: Call, verb: list[str]) -> None:
    """--help ends with a command to copy."""
    answer = call(*verb, "--help")
    assert answer.code == 0
    assert "Example:  partbench" in answer.out


def test_the_list_is_for_people_and_programs(call: Call) -> None:
    """With --json it can be parsed; without, it names the same."""
    listed = json.loads(call("list", "--json").out)
    assert listed["problems"] == []
    assert {"pixels", "position", "copy"} <= {row["name"] for row in listed["backbones"]}
    assert set(SIX) <= {row["name"] for row in listed["heads"]}
    table = call("list", "heads").out
    assert all(head in table for head in SIX)


def test_a_shelf_without_plugins_is_empty(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocking all heads is no error."""
    monkeypatch.setenv("PARTBENCH_BLOCK", "partbench.heads")
    assert call("list", "heads").code == 0


def test_a_run_prints_its_own_leaderboard(call: Call, tmp_path: Path) -> None:
    """A second command adds to the folder and prints what it was asked for; `leaderboard` shows all of it."""
    out = tmp_path / "run"
    first = call(
        "run", "--backbone", "position", "--backbone", "copy", "--head", "linear", *TINY, "--out", out, "--json"
    )
    assert first.code == 0, first.err
    rows = json.loads(first.out)
    assert {(row["backbone"], row["head"], row["shots"], row["draws"]) for row in rows} == {
        (backbone, head, shots, 2) for backbone, head in (("position", "linear"), ("copy", "-")) for shots in (1, 2)
    }
    second = call("run", "--backbone", "pixels", "--head", "linear", *TINY, "--out", out)
    assert second.code == 0, second.err
    assert "1 backbones x 1 heads x 2 shots x 2 draws = 4 cells" in second.out
    assert "position" not in second.out
    every = json.loads(call("leaderboard", out, "--format", "json").out)
    assert {row["backbone"] for row in every} == {"position", "copy", "pixels"}
    for row in (*every, *rows):  # a rank depends on who else is there
        for metric in ("paper_weighted", "mean", "small_parts"):
            row.pop(f"{metric} rank")
    assert [row for row in every if row["backbone"] != "pixels"] == rows

    other = call("run", "--backbone", "pixels", "--head", "linear", *TINY, "--seed", 3, "--out", out)
    assert other.err == f"partbench: {out} holds a run with another protocol (seed 0, not 3); choose another --out\n"
    assert other.code == 2


def test_a_leaderboard_can_be_read_by_programs(call: Call, made: Path) -> None:
    """CSV, Markdown and JSON hold the same numbers: means, half-widths and draws, by backbone, head and shots."""
    rows = json.loads(call("leaderboard", made, "--format", "json").out)
    assert len(rows) == 2 * 2 * 2 + 2
    columns = ["backbone", "head", "shots"]
    for metric in ("paper_weighted", "mean", "small_parts"):
        columns += [metric, f"{metric} ±", f"{metric} rank"]
    assert list(rows[0]) == [*columns, "draws"]
    table = pd.read_csv(io.StringIO(call("leaderboard", made, "--format", "csv").out))
    assert table["mean"].tolist() == [row["mean"] for row in rows]
    lines = call("leaderboard", made, "--format", "md", "--metric", "mean").out.splitlines()
    assert lines[0] == "| backbone | head | shots | mean | mean ± | mean rank | draws |"
    assert len(lines) == 2 + len(rows)


def test_a_leaderboard_for_people(call: Call, made: Path) -> None:
    """One table per metric, each with what its numbers are."""
    text = call("leaderboard", made).out
    for metric in ("paper_weighted", "mean", "small_parts"):
        assert f"faces: {metric} IoU, %; 3 draws x 4 test images, ± 95 % interval" in text
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


def test_a_damaged_cell_is_set_aside(call: Call, run: Path) -> None:
    """It is named on stderr with its mend, and the leaderboard is made of the rest."""
    file = RunFolder(run).cell_file(Cell("pixels", "linear", 5, 1))
    file.write_text("{")
    answer = call("leaderboard", run, "--format", "json")
    assert answer.code == 0
    assert answer.err.startswith(f"set aside: {file} is damaged (")
    assert answer.err.count("\n") == 1
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
    assert (answer.code, answer.err) == (0, "2 cells failed: it broke\n")


def test_a_run_that_is_named_twice_counts_once(call: Call, made: Path, run: Path) -> None:
    """Copies of a cell are no further draws; other protocols and images get a leaderboard of their own."""
    once = call("leaderboard", made, "--format", "json").out
    assert call("leaderboard", made, run, "--format", "json").out == once
    folder = RunFolder(run)
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


def test_a_run_that_is_interrupted_says_how_to_go_on(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is no error of anybody's."""
    from partbench.benchmark.cli.commands import run as run_command

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_command, "run", interrupt)
    answer = call("run")
    assert (answer.code, answer.err) == (130, "\nstopped; the same command goes on where it was\n")


def test_a_record_can_be_checked(call: Call) -> None:
    """Exit code 0 if it keeps its contract; with --json each check by name."""
    assert call("check", "linear").code == 0
    outcomes = json.loads(call("check", "linear", "--json").out)["outcomes"]
    assert outcomes
    assert {outcome["word"] for outcome in outcomes.values()} == {"passes"}


def test_a_pattern_checks_every_record_that_it_matches(call: Call) -> None:
    """Each under its name, and with --json one object per record; a family's examples stand for the family."""
    assert call("check", "posit*").out.startswith("import ")
    both = json.loads(call("check", "mlp-*", "--json").out)
    assert [each["name"] for each in both] == ["mlp-1", "mlp-2"]
    assert "mlp-2" in call("check", "mlp-*").out.splitlines()
    names = names_of(load_catalogue(), "timm:*")
    assert len(names) >= 12
    assert all(name.endswith(",untrained") for name in names)


def crossing_text(backbones: tuple[str, ...]) -> str:
    """The default crossing with long scores, as an 80-column terminal shows it."""
    plan = Plan("faces", backbones, SIX, shots=(1, 5, 10), draws=3)
    random = np.random.default_rng(1)
    results = [
        CellResult(cell, ("a", "b"), confusion=np.array([[[n, 100 - n], [100 - n, n]], [[n, 9], [9, n]]]))
        for cell in plan.cells()
        for n in (random.integers(30, 90),)
    ]
    console = Console(width=TABLE_WIDTH, file=io.StringIO(), force_terminal=False)
    console.print(
        rich_score_table(Leaderboard(results).summarise(["mean"]), "mean", places(estimates(results, "mean")))
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_default_crossing_fits_a_terminal() -> None:
    """Ten backbones and six heads with their intervals take 80 columns, a line each, and nothing is cut off."""
    paper = ("stylegan2", "vae", "jigsaw", "pix2pix-color", "pix2pix-hed", "pix2pix-bilateral")
    backbones = (*paper, "position", "pixels", COPY, "random:stylegan2")
    text = crossing_text(backbones)
    lines = [line for line in text.splitlines() if line.strip()]
    assert "…" not in text
    assert len(lines) == 2 + 3 * (1 + len(backbones))
    assert all(len(line.split()) == 2 + len(SIX) for line in lines if line.split()[0] in backbones)


def test_a_long_name_is_folded_not_cut() -> None:
    """A path as a name makes a row higher, and every letter and score is there."""
    text = crossing_text(("stylegan2@weights/of/some/cats.safetensors", "pixels"))
    assert "…" not in text
    assert "".join(line.split()[0] for line in text.splitlines() if line.strip() and "shot" not in line)


def test_a_name_is_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    """What stands between two colons is printed as it is."""
    open_console().print("random:jigsaw: 9 units of work")
    assert capsys.readouterr().out == "random:jigsaw: 9 units of work\n"
