"""Runs are read into groups of what may be compared; what is none of theirs is set aside, and named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from partbench.benchmark.cli.commands.read_runs import read_groups
from partbench.benchmark.plan import PROTOCOL, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder


@pytest.mark.parametrize("fact", ["protocol", "plan"])
def test_cells_under_other_conditions_stand_in_a_group_of_their_own(tmp_path: Path, fact: str) -> None:
    """Though they lie in one folder and belong to one plan: no mean is taken over both."""
    folder = RunFolder(tmp_path)
    plan = Plan("faces", ("pixels",), ("linear",), shots=(1,), draws=3)
    folder.write_plan(plan, {"data": "abc"})
    for cell in plan.cells():
        facts = {"protocol": 3, "plan": "p", "data": "abc", fact: "other" if cell.draw == 1 else "same"}
        folder.write(CellResult(cell, ("a", "b"), confusion=np.ones((4, 2, 2), dtype=int), provenance=facts))
    groups = read_groups([tmp_path])
    assert [[result.cell.draw for result in group] for group in groups.values()] == [[0, 2], [1]]
    assert next(iter(groups)) == "faces"


def test_a_cell_that_was_copied_from_another_run_is_set_aside(tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    """By every verb that reads scores, with its file and what is other, as `run` does that computes it again."""
    folder, plan = RunFolder(tmp_path / "run"), Plan("faces", ("pixels", "vae"), ("linear",), shots=(1,), draws=3)
    folder.write_plan(plan, {"data": "abc"})
    random = np.random.default_rng(0)
    for number, cell in enumerate(plan.cells()):
        facts = {"protocol": PROTOCOL, "plan": plan.hash, "data": "abc", "shots": f"{cell.draw}"}
        facts |= {"data": "xyz"} if number == 1 else {"plan": "other"} if number == 2 else {}
        counts = random.integers(1, 9, (8, 2, 2))
        folder.write(CellResult(cell, ("a", "b"), confusion=counts, provenance=facts))
    baseline = tmp_path / "baseline.json"
    for verb, *options in (
        ("leaderboard",),
        ("compare",),
        ("baseline", "--out", baseline),
        ("gate", "--baseline", baseline),
        ("report", "--out", tmp_path / "report"),
        ("lottery",),
    ):
        answer = call(verb, folder.path, *options)
        assert answer.code == 0, answer.err
        for what in (r"1-shot--draw-1.json is of another run (data xyz, not abc); ", "(plan other, not "):
            assert what in answer.err, verb


@pytest.mark.parametrize("what", ["weights", "code"])
def test_two_runs_of_other_weights_or_code(tmp_path: Path, call, what: str) -> None:  # type: ignore[no-untyped-def]
    """On one leaderboard the latest count, which is said; compare and gate, which are for that, say what differs."""
    plan, random = Plan("faces", ("vae",), ("linear",), shots=(1,), draws=3), np.random.default_rng(0)
    for year, name in enumerate(("old", "new")):
        folder = RunFolder(tmp_path / name)
        folder.write_plan(plan, {"data": "abc"})
        for cell in plan.cells():
            facts = {"protocol": PROTOCOL, "plan": plan.hash, "data": "abc", "shots": f"{cell.draw}"}
            made = {"weights": "w", "code": {"backbone": "c"}, "finished": f"{2030 + year}"}
            made |= {"weights": name} if what == "weights" else {"code": {"backbone": name}}
            counts = random.integers(1, 9, (8, 2, 2))
            folder.write(CellResult(cell, ("a", "b"), confusion=counts, provenance=facts | made))
    old, new, baseline = tmp_path / "old", tmp_path / "new", tmp_path / "baseline.json"
    alone = call("leaderboard", new, "--format", "json").out
    both = call("leaderboard", old, new, "--format", "json")
    assert both.out == alone
    said = f"set aside: 3 scores are of other {what} of vae than the latest of these runs; show them one by one"
    assert said in both.err
    assert f"{new} has other {what} of vae than {old}" in call("compare", old, new).err
    call("baseline", old, "--out", baseline)
    assert f"since the baseline: {what} of vae old became new" in call("gate", new, "--baseline", baseline).out


def test_a_board_is_read_where_a_run_is(tmp_path: Path, call, drawn_run) -> None:  # type: ignore[no-untyped-def]
    """By every verb that reads scores alone, which say of the submissions of a run what they say of the run."""
    run, board = drawn_run(tmp_path / "run", {"jigsaw": 0.8, "vae": 0.5, "copy": 0.3}), tmp_path / "board"
    (board / "submissions").mkdir(parents=True)
    call("submit", run, "--to", board, "--by", "alice")
    asked, baseline = f"{board}#dataset=faces,shots=1,2", tmp_path / "baseline.json"
    for verb, *options in (
        ("leaderboard", "--format", "json"),
        ("compare", "--json"),
        ("baseline", "--out", baseline),
        ("gate", "--baseline", baseline, "--json"),
    ):
        answers = [call(verb, place, *options) for place in (run, asked)]
        assert [answer.code for answer in answers] == [0, 0], answers[1].err
        ours, theirs = (json.loads(answer.out) if answer.out else None for answer in answers)
        if verb == "leaderboard":
            ours, theirs = (sorted(rows, key=lambda row: (row["backbone"], row["shots"])) for rows in (ours, theirs))
        if verb != "compare":  # names its two in the order of the plan
            assert ours == theirs, verb
    assert call("report", asked, "--out", tmp_path / "report").code == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert "partbench leaderboard" in page and "partbench run" not in page
    assert "guards: no flag" in " ".join(call("leaderboard", asked).out.split())


def test_a_board_of_two_protocols_is_two_tables(tmp_path: Path, call, drawn_run) -> None:  # type: ignore[no-untyped-def]
    """The leaderboard prints both; what is of one run is told to name one of them."""
    board = tmp_path / "board"
    (board / "submissions").mkdir(parents=True)
    for seed in (0, 1):
        run = drawn_run(tmp_path / f"run-{seed}", {"jigsaw": 0.8, "copy": 0.3}, seed=seed)
        call("submit", run, "--to", board, "--by", "alice")
    assert len(read_groups([board])) == 2
    assert call("leaderboard", board).code == 0
    assert call("compare", board).code == 2
    protocol = next(iter(sorted((board / "submissions").iterdir()))).name
    assert call("compare", f"{board}#protocol={protocol}").code == 0
