"""`partbench compare`: scores on the same draws and images, and what is not comparable is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from partbench.benchmark.plan import COPY, NO_HEAD, Cell, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.convergence import FACT, ShotFit
from partbench.benchmark.scores.leaderboard import estimates
from partbench.benchmark.scores.pairings import ALL

WIDTH = 80


PLAN = Plan("faces", ("able", "alike", "random:stylegan2", COPY), ("linear", "cnn-s"), shots=(1, 5), draws=3, size=16)


SKILL = {"able": 40, "alike": 20, "random:stylegan2": 20, COPY: 10}
"""Pixels of 60 that are right beyond chance."""


FACTS = {"protocol": 1, "plan": "p", "data": "abc"}


Call = Callable[..., Any]


def fill(folder: RunFolder, plan: Plan = PLAN, gain: int = 0, facts: Mapping[str, Any] = FACTS) -> Path:
    """A run that was never computed: a backbone is as good as its skill, and most of its luck is that of all."""
    folder.write_plan(plan, {"data": facts["data"]})
    for cell in plan.cells():
        # An easy image and a lucky draw are so for every backbone.
        common = np.random.default_rng(cell.draw).integers(0, 12, (6, 3, 3))
        own = np.random.default_rng([cell.draw, cell.shots, *cell.backbone.encode()]).integers(0, 3, (6, 3, 3))
        confusion = common + own + (SKILL[cell.backbone] + gain) * np.eye(3, dtype=np.int64)
        shots = {"shots": f"{cell.shots} {cell.draw}"}
        folder.write(CellResult(cell, ("ground", "hair", "skin"), (), None, confusion, {**shots, **facts}))
    return folder.path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(RunFolder(tmp_path_factory.mktemp("runs") / "faces"))


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(made, tmp_path / "run"))


def test_two_backbones_are_compared_by_head_and_shots(call: Call, made: Path) -> None:
    """And over heads per number of shots; the control without a head stands under every head."""
    code, out, _ = call("compare", made, "--between", "able", "copy", "--json")
    found = json.loads(out)
    assert code == 0
    rows = [("linear", 1), ("cnn-s", 1), (ALL, 1), ("linear", 5), ("cnn-s", 5), (ALL, 5)]
    assert [(row["head"], row["shots"]) for row in found["comparisons"]] == rows
    assert all(row["shown"] and row["difference"] < 0 for row in found["comparisons"])
    assert {row["score b"] for row in found["comparisons"] if row["shots"] == 1} == {found["comparisons"][0]["score b"]}
    assert found["conclusion"] == "able is better than copy in 6 of 6 comparisons"


def fits(run: Path, cell: Cell, iou: float) -> None:
    """Let the head of a cell have come to so much on its own shots."""
    folder = RunFolder(run)
    result = folder.read(cell)
    assert result
    fit = ShotFit(steps=20, settled=True, loss=1.0, iou=iou, constant=0.3, accuracy=0.9)
    folder.write(replace(result, provenance={**result.provenance, FACT: asdict(fit)}))


@pytest.fixture
def behind(run: Path) -> Path:
    """A run of which a head fits its five shots less than a linear one, in one draw of one backbone."""
    for head, iou in (("linear", 0.8), ("cnn-s", 0.5)):
        fits(run, Cell("able", head, 5, 1), iou)
    return run


def compared(call: Call, *arguments: object) -> tuple[dict[tuple[str, int | None], Any], str]:
    answer = call("compare", *arguments, "--json")
    assert answer.code == 0, answer.err
    record = json.loads(answer.out)
    return {(c["head"], c["shots"]): c for c in record["comparisons"]}, record["conclusion"]


def test_what_did_not_converge_is_marked_and_not_counted(call: Call, behind: Path) -> None:
    """Of either side; of what no run has noted nobody knows, and of a mean over heads it is not a part."""
    between = (behind, "--between", "alike", "able")
    found, conclusion = compared(call, *between)
    assert {place: c["converged"] for place, c in found.items()} == {
        ("linear", 1): None,
        ("cnn-s", 1): None,
        (ALL, 1): True,
        ("linear", 5): None,
        ("cnn-s", 5): False,
        (ALL, 5): True,
    }
    assert "in 5 of 5 comparisons; 1 did not converge and is left out" in conclusion
    assert found[ALL, 5]["score b"] == found["linear", 5]["score b"]
    (row,) = [line.split() for line in call("compare", *between).out.splitlines() if "cnn-s" in line and "!" in line]
    assert "*" not in row
    alone, conclusion = compared(call, *between, "--head", "cnn-s", "--shots", "5")
    assert [c["converged"] for c in alone.values()] == [False]
    assert conclusion == "nothing is said of alike and able: 1 did not converge and is left out"
    assert compared(call, *between, "--over", "shots", "--shots", "1")[0]["cnn-s", None]["converged"] is None
    assert compared(call, *between, "--over", "shots")[0]["cnn-s", None]["converged"] is False


def test_each_run_is_held_against_its_own_linear_head(call: Call, behind: Path, made: Path, tmp_path: Path) -> None:
    """Be it that of the same backbone, draw and shots; a mean over heads is of what converged on both sides."""
    other = Path(shutil.copytree(made, tmp_path / "other"))
    for head, iou in (("linear", 0.5), ("cnn-s", 0.5)):
        fits(other, Cell("able", head, 5, 1), iou)
    for one, two in ((behind, other), (other, behind)):
        record = json.loads(call("compare", one, two, "--json").out)["comparisons"]
        stuck = {(c["backbone"], c["head"], c["shots"]) for c in record if c["converged"] is False}
        assert stuck == {("able", "cnn-s", 5)}
    means = json.loads(call("compare", other, behind, "--over", "heads", "--json").out)["comparisons"]
    linear = estimates(RunFolder(behind).results()[0], "mean")["able", "linear", 5]
    (mean,) = [c for c in means if (c["backbone"], c["shots"]) == ("able", 5)]
    assert mean["score a"] == mean["score b"] == pytest.approx(linear.mean, abs=1e-3)


@pytest.mark.parametrize(
    ("over", "places"),
    [
        ("heads", [(ALL, 1), (ALL, 5)]),
        ("shots", [("linear", None), ("cnn-s", None)]),
        ("heads,shots", [(ALL, None)]),
    ],
)
def test_what_is_averaged_over_can_be_chosen(
    call: Call, made: Path, over: str, places: list[tuple[str, int | None]]
) -> None:
    """Fewer comparisons are made, so less is lost to their correction."""
    found = json.loads(call("compare", made, "--between", "able", "alike", "--over", over, "--json")[1])
    assert [(row["head"], row["shots"]) for row in found["comparisons"]] == places


def test_heads_and_shots_can_be_chosen(call: Call, made: Path) -> None:
    """Without a second head there is no mean over heads."""
    options = ("--head", "linear", "--shots", "5", "--metric", "paper_weighted")
    found = json.loads(call("compare", made, "--between", "able", "alike", *options, "--json")[1])
    (row,) = found["comparisons"]
    assert (row["head"], row["shots"], found["metric"]) == ("linear", 5, "paper_weighted")
    known = estimates(RunFolder(made).results()[0], "paper_weighted")
    difference = known["alike", "linear", 5] - known["able", "linear", 5]
    assert row["difference"] == pytest.approx(difference.mean, abs=1e-4)
    assert row["half width"] == pytest.approx(difference.half_width(), abs=1e-4)
    assert row["p"] == pytest.approx(difference.p(), rel=1e-3)
    assert (row["draws"], row["images"]) == (3, 6)


def test_the_table_is_for_people(call: Call, made: Path) -> None:
    """Within 80 columns: both scores, the difference with its interval, p, and a sentence of conclusion."""
    _, out, _ = call("compare", made, "--between", "able", "random:stylegan2")
    assert "faces: mean IoU, %; 3 draws x 6 test images" in out
    assert "A: able\nB: random:stylegan2\n" in out
    assert "Holm-corrected for 6" in out
    assert "able is better than random:stylegan2 in 6 of 6 comparisons" in out
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= WIDTH
    assert sum("*" in line.split() for line in out.splitlines()) == 6


def test_a_run_is_no_better_than_itself(call: Call, made: Path) -> None:
    """Every key is there, all differences are 0 and all p are 1."""
    found = json.loads(call("compare", made, made, "--json")[1])
    keys = [(row["backbone"], row["head"], row["shots"]) for row in found["comparisons"]]
    assert set(keys) == {(cell.backbone, cell.head, cell.shots) for cell in PLAN.cells()}
    assert len(keys) == 14
    assert {(row["difference"], row["half width"], row["p"]) for row in found["comparisons"]} == {(0, 0, 1)}
    assert found["conclusion"].startswith(f"no difference between {made} and {made} is shown in 14 comparisons")


def test_the_other_way_round_is_the_mirror(call: Call, made: Path) -> None:
    """The difference changes its sign, scores their place, and nothing else changes."""
    one, other = (
        json.loads(call("compare", made, "--between", a, b, "--json")[1])["comparisons"]
        for a, b in (("alike", "random:stylegan2"), ("random:stylegan2", "alike"))
    )
    for there, back in zip(one, other, strict=True):
        assert there["difference"] == -back["difference"]
        assert (there["score a"], there["score b"]) == (back["score b"], back["score a"])
        same = ("p", "half width", "detectable", "shown", "head", "shots")
        assert [there[name] for name in same] == [back[name] for name in same]


def test_two_runs_are_compared_key_by_key(call: Call, made: Path, tmp_path: Path) -> None:
    """Where both have a score; more draws, other heads and other backbones are no hindrance."""
    plan = replace(PLAN, backbones=("able", COPY), heads=("linear",), draws=5)
    later = fill(RunFolder(tmp_path / "later"), plan, gain=15)
    found = json.loads(call("compare", made, later, "--json")[1])
    assert {(row["backbone"], row["head"]) for row in found["comparisons"]} == {("able", "linear"), (COPY, NO_HEAD)}
    assert all(row["difference"] > 0 and row["shown"] and row["draws"] == 3 for row in found["comparisons"])
    _, out, _ = call("compare", made, later, "--over", "heads,shots")
    assert f"{later} is better than {made} in 2 of 2 comparisons" in " ".join(out.split())
    assert max(len(line) for line in out.splitlines() if str(made) not in line and str(later) not in line) <= WIDTH


def test_all_backbones_are_compared_in_pairs(call: Call, made: Path) -> None:
    """As many as there are pairs, the better one of each in the column; what is alike has no mark."""
    found = json.loads(call("compare", made, "--json")[1])["comparisons"]
    shown = {(row["a"], row["b"]): row["shown"] for row in found}
    assert len(found) == 6
    assert all(row["difference"] >= 0 for row in found)
    assert [pair for pair, told in shown.items() if not told] in (
        [("alike", "random:stylegan2")],
        [("random:stylegan2", "alike")],
    )
    _, out, _ = call("compare", made)
    assert "5 of 6 pairs differ by more than chance" in out
    assert max(map(len, out.splitlines())) <= WIDTH
    assert out.count("*") == 5 + 1


def test_many_backbones_come_in_several_tables(call: Call, tmp_path: Path) -> None:
    """Every difference is there, and nothing is cut off at 80 columns."""
    folder, names = RunFolder(tmp_path / "run"), tuple(f"a-backbone-with-a-long-name-{i:02}" for i in range(14))
    plan = Plan("faces", names, ("linear",), shots=(1,), draws=2)
    folder.write_plan(plan, {})
    for i, cell in enumerate(plan.cells()):
        confusion = np.random.default_rng(i).integers(0, 9, (3, 2, 2)) + 5 * (i // 2) * np.eye(2, dtype=np.int64)
        folder.write(CellResult(cell, ("a", "b"), confusion=confusion))
    _, out, _ = call("compare", folder.path)
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= WIDTH
    cells = [text for line in out.splitlines() if "a-backbone" in line for text in line.split()[2:]]
    assert len(cells) == 14 * 13 / 2


def test_a_single_draw_says_so(call: Call, tmp_path: Path) -> None:
    """What holds for these shots need not hold for others."""
    path = fill(RunFolder(tmp_path / "run"), replace(PLAN, draws=1))
    assert (
        "one draw: intervals and p hold for these shots alone" in call("compare", path, "--between", "able", "copy")[1]
    )
    assert "one draw: intervals and p hold for these shots alone" in call("compare", path)[1]


def test_damage_is_set_aside_and_failures_are_told(call: Call, run: Path) -> None:
    """The rest is compared."""
    RunFolder(run).cell_file(Cell("able", "linear", 5, 1)).write_text("{")
    RunFolder(run).write(CellResult(Cell("able", "cnn-s", 5, 1), ("a",), error="it broke"))
    code, out, err = call("compare", run, "--between", "able", "alike", "--json")
    assert code == 0
    assert err.count("\n") == 3
    assert "able--linear--5-shot--draw-1.json" in err and "it broke" in err and "2 of 14 scores are of fewer" in err
    assert {row["draws"] for row in json.loads(out)["comparisons"] if row["shots"] == 5} == {2}


def change(run: Path, **facts: Any) -> Path:
    folder = RunFolder(run)
    found = folder.results()[0]
    folder.write_plan(folder.read_plan(), {"data": facts.get("data", FACTS["data"])})
    for result in found:
        folder.write(replace(result, provenance={**result.provenance, **facts}))
    return run


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"protocol": 0}, "protocol (0, not 1)"),
        ({"data": "xyz"}, "other images, masks or classes (xyz, not abc)"),
        ({"shots": "others"}, "shots"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    call: Call, made: Path, run: Path, facts: dict[str, Any], what: str
) -> None:
    """One sentence says which cell, and in what it differs."""
    code, _, err = call("compare", made, change(run, **facts))
    assert code == 2
    assert f"able--linear--1-shot--draw-0 of {run}" in err and f"able--linear--1-shot--draw-0 of {made}" in err
    assert what in err


def test_other_plans_are_refused(call: Call, made: Path, tmp_path: Path) -> None:
    """The fields that differ are named."""
    other = fill(RunFolder(tmp_path / "other"), replace(PLAN, size=32, seed=3))
    code, _, err = call("compare", made, other)
    assert code == 2
    assert "size 16 and 32, seed 0 and 3" in err


def test_cells_of_one_run_must_agree(call: Call, run: Path) -> None:
    """A cell with other images than the rest is named."""
    folder, cell = RunFolder(run), Cell("alike", "linear", 1, 0)
    result = folder.read(cell)
    assert result is not None
    assert result.confusion is not None
    folder.write(replace(result, confusion=result.confusion[:4]))
    code, _, err = call("compare", run)
    assert code == 2
    assert f"{cell.slug} of {run}" in err and "4 test images, not 6" in err


def test_no_model_is_loaded(made: Path) -> None:
    """Scores are compared from numbers alone, at once."""
    run = str(made)
    calls = [["compare", run], ["compare", run, run], ["compare", run, "--between", "able", "copy"], ["lottery", run]]
    code = (
        "import sys; from partbench.benchmark.cli.main import main\n"
        f"for words in {calls!r}:\n"
        "    sys.argv = ['partbench', *words]\n"
        "    try: main()\n    except SystemExit as stop: assert not stop.code\n"
        "print({'torch', 'torchvision', 'timm', 'PIL'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
