"""Scores for MLflow."""

from __future__ import annotations

from typing import Any

from ..plan import Plan
from ..results import RunFolder
from .tracker import Tracker, library, settings

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
