"""The base of experiment trackers: logs a number per metric for every cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from typing import Any

from ... import UserError
from ..metrics.definitions import DEFAULT
from ..plan import Plan, file_name
from ..reporter import Listener
from ..results import CellResult
from ..run_folder import RunFolder
from ..scores.leaderboard import frame


class TrackerError(UserError):
    """A tracker that is not installed, in one sentence: the fact, the culprit, the mend."""


def library(module: str, package: str) -> Any:
    """A tracker's library."""
    try:
        return import_module(module)
    except ImportError as error:
        raise TrackerError(f"{package} is not installed ({error}); pip install {package}") from None


class Tracker(Listener):
    """Turns events into numbers: `log` is what a tracker does with one."""

    def run_started(self, plan: Plan, folder: RunFolder) -> None:
        self.open(plan, folder)

    def cell_finished(self, result: CellResult) -> None:
        for key, score, step in scores(result):
            self.log(key, score, step)

    def run_finished(self, folder: RunFolder, complete: bool) -> None:
        self.close()

    def open(self, plan: Plan, folder: RunFolder) -> None:
        """Begin to track; into the folder of the run."""
        raise NotImplementedError

    def log(self, key: str, score: float, step: int) -> None:
        """Keep one number; the step is the number of shots."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing more will come."""
        raise NotImplementedError


def scores(result: CellResult) -> Iterator[tuple[str, float, int]]:
    """`metric/backbone/head/draw`, in letters that every tracker takes, the score in per cent, and the shots."""
    table = frame([result])
    cell = result.cell
    for metric in DEFAULT:
        for score in table[metric].dropna():
            yield f"{metric}/{file_name(cell.backbone)}/{file_name(cell.head)}/{cell.draw}", float(score), cell.shots


def settings(plan: Plan) -> dict[str, str]:
    """The plan as parameters."""
    return {name: str(value) for name, value in asdict(plan).items()}


MOST = 500
"""Letters of a parameter that MLflow takes."""


class MLflowListener(Tracker):
    """A run in RUN/mlflow.db; look at it with `mlflow ui --backend-store-uri sqlite:///RUN/mlflow.db`."""

    client: Any
    run: str

    def open(self, plan: Plan, folder: RunFolder) -> None:
        folder.path.mkdir(parents=True, exist_ok=True)
        tracking = library("mlflow.tracking", "mlflow")
        self.client = tracking.MlflowClient(tracking_uri=f"sqlite:///{folder.path / 'mlflow.db'}")
        existing = self.client.get_experiment_by_name("partbench")
        experiment = existing.experiment_id if existing else self.client.create_experiment("partbench")
        self.run = self.client.create_run(experiment, run_name=folder.path.name).info.run_id
        for name, value in settings(plan).items():
            self.client.log_param(self.run, name, value[:MOST])

    def log(self, key: str, score: float, step: int) -> None:
        self.client.log_metric(self.run, key.replace("+", "."), score, step=step)

    def close(self) -> None:
        self.client.set_terminated(self.run)


class WandbListener(Tracker):
    """An offline run in RUN/wandb, which `wandb sync` uploads where somebody wants it to be."""

    run: Any

    def open(self, plan: Plan, folder: RunFolder) -> None:
        folder.path.mkdir(parents=True, exist_ok=True)
        wandb = library("wandb", "wandb")
        facts = {"project": "partbench", "name": folder.path.name, "config": settings(plan)}
        self.run = wandb.init(mode="offline", dir=str(folder.path), **facts)

    def log(self, key: str, score: float, step: int) -> None:
        self.run.log({key: score, "shots": step})

    def close(self) -> None:
        self.run.finish()


class TensorBoardListener(Tracker):
    """Event files in RUN/tensorboard; look at them with `tensorboard --logdir RUN`."""

    writer: Any

    def open(self, plan: Plan, folder: RunFolder) -> None:
        library("tensorboard", "tensorboard")
        self.writer = library("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(folder.path / "tensorboard"))
        self.writer.add_text("plan", "\n".join(f"    {name}: {value}" for name, value in settings(plan).items()))

    def log(self, key: str, score: float, step: int) -> None:
        self.writer.add_scalar(key, score, step)

    def close(self) -> None:
        self.writer.close()
