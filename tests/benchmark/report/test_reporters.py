"""A reporter hears of a run through the same door as everybody, and one that fails spoils nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from partbench.benchmark.plan import COPY, Cell, Plan
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.listeners import Listeners
from partbench.benchmark.plugins.names import find_reporter
from partbench.benchmark.report.trackers import TrackerError, library, scores
from partbench.benchmark.reporter import Listener
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder

PLAN = Plan("faces", ("pixels", COPY), ("linear",), shots=(1,), draws=1)
RESULT = CellResult(
    Cell("random:vae@my weights", "linear", 5, 2), ("a", "b"), (), None, np.array([[[9, 1], [1, 9]]] * 2)
)


class Hears(Listener):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.problems: list[str] = []

    def run_started(self, plan: Plan, folder: RunFolder) -> None:
        self.heard.append("started")

    def cell_finished(self, result: CellResult) -> None:
        self.heard.append(result.cell.slug)

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)

    def run_finished(self, folder: RunFolder, complete: bool) -> None:
        self.heard.append(f"finished {complete}")


class Breaks(Hears):
    """Fails at the first cell."""

    def cell_finished(self, result: CellResult) -> None:
        raise RuntimeError("no room")


def test_one_that_fails_is_told_nothing_more(tmp_path: Path) -> None:
    """The others are, and hear why."""
    good, bad, folder = Hears(), Breaks(), RunFolder(tmp_path)
    listeners = Listeners([("bad", bad), ("good", good)])
    listeners.run_started(PLAN, folder)
    listeners.cell_finished(RESULT)
    listeners.cell_finished(RESULT)
    listeners.run_finished(folder, True)
    assert good.heard == ["started", RESULT.cell.slug, RESULT.cell.slug, "finished True"]
    assert bad.heard == ["started"]
    assert good.problems == [
        "the reporter bad failed in cell_finished (RuntimeError: no room); it is told nothing more"
    ]


def test_every_reporter_is_offered_as_anybodys() -> None:
    """By the hook, with a line of what it is; a wrong name is told from a right one."""
    catalogue = load_catalogue()
    assert {"page", "tensorboard", "mlflow", "wandb"} <= catalogue.reporters.keys()
    with pytest.raises(ValueError, match="no reporter is called 'tensorbord'; did you mean 'tensorboard'"):
        find_reporter(catalogue, "tensorbord")


def test_a_cell_is_a_number_per_metric() -> None:
    """In letters that every tracker takes; a metric without a score is left out."""
    told = list(scores(RESULT))
    assert {step for _, _, step in told} == {5}
    assert [score for _, score, _ in told] == [pytest.approx(100 * 18 / 22)] * 2
    assert all(key.isascii() and not set(key) & set(" :@") for key, _, _ in told)
    assert list(scores(CellResult(RESULT.cell, ("a",), error="it broke"))) == []


def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how to get it."""
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(TrackerError, match=r"^wandb is not installed \(.*\); pip install wandb$"):
        library("wandb", "wandb")


def track(name: str, folder: RunFolder) -> None:
    listener = find_reporter(load_catalogue(), name).record.open()
    listener.run_started(PLAN, folder)
    listener.cell_finished(RESULT)
    listener.run_finished(folder, True)


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_the_scores(tmp_path: Path) -> None:
    """From the event files in the folder of the run."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    track("tensorboard", RunFolder(tmp_path))
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    tags = events.Tags()["scalars"]
    assert len(tags) == 2
    (scalar,) = events.Scalars(tags[0])
    assert (scalar.step, scalar.value) == (5, pytest.approx(100 * 18 / 22))


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_the_scores(tmp_path: Path) -> None:
    """From the database in the folder of the run, beside the plan."""
    tracking = pytest.importorskip("mlflow.tracking")
    track("mlflow", RunFolder(tmp_path / "run"))
    client = tracking.MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'run/mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("partbench").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["dataset"] == "faces"
    assert list(run.data.metrics.values()) == [pytest.approx(100 * 18 / 22)] * 2


@pytest.mark.filterwarnings("ignore")
def test_wandb_keeps_an_offline_run(tmp_path: Path) -> None:
    """In the folder of the run; nothing is sent."""
    pytest.importorskip("wandb")
    track("wandb", RunFolder(tmp_path / "run"))
    (found,) = (tmp_path / "run/wandb").glob("offline-run-*")
    assert list(found.glob("*.wandb"))
