"""`jsonl` writes what a run says, is found by the command line, and leaves the run alone when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from partbench.benchmark.cli.main import app

RUN = (
    "run", "--dataset", "faces", "--backbone", "pixels", "--backbone", "copy", "--head", "linear",
    "--shots", "1", "--draws", "1", "--test", "2", "--pool", "4", "--size", "32", "--device", "cpu",
)  # fmt: skip


def partbench(*arguments: str) -> str:
    """What the command line prints, once it has succeeded."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run that this reporter was told of."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    partbench(*RUN, "--reporter", "jsonl", "--out", str(folder))
    return folder


def test_every_event_is_a_line(run: Path) -> None:
    """In the order in which it happened, a cell with its scores."""
    lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    events = [line["event"] for line in lines]
    assert events[0] == "run started" and events[-1] == "run finished"
    assert events.count("backbone started") == events.count("backbone finished") == events.count("cell finished") == 2
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    cells = {line["backbone"]: line for line in lines if line["event"] == "cell finished"}
    assert cells.keys() == {"pixels", "copy"}
    assert all(0 < cells[name]["scores"]["mean"] < 100 and cells[name]["error"] is None for name in cells)
    assert lines[-1]["complete"] is True


def test_a_run_that_goes_on_adds_to_the_file(run: Path) -> None:
    """Nothing is computed again, and nothing of the beginning is lost."""
    before = (run / "events.jsonl").read_text()
    partbench(*RUN, "--reporter", "jsonl", "--out", str(run))
    after = (run / "events.jsonl").read_text()
    assert after.startswith(before)
    assert "cell finished" not in after.removeprefix(before)


def test_a_file_that_cannot_be_written_costs_the_run_nothing(tmp_path: Path) -> None:
    """The reporter is told nothing more, with a warning, and every score is there."""
    folder = tmp_path / "run"
    (folder / "events.jsonl").mkdir(parents=True)
    said = partbench(*RUN, "--reporter", "jsonl", "--out", str(folder))
    assert "the reporter jsonl failed in run_started (IsADirectoryError:" in " ".join(said.split())
    assert len(list((folder / "cells").glob("*.json"))) == 2


def test_it_is_listed() -> None:
    """With the package that it comes from."""
    listed = json.loads(partbench("list", "reporters", "--json"))["reporters"]
    assert ("jsonl", "partbench-jsonl 0.1.0") in [(one["name"], one["provider"]) for one in listed]
