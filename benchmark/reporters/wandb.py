"""Scores for Weights & Biases."""

from __future__ import annotations

from typing import Any

from ..plan import Plan
from ..results import RunFolder
from .tracker import Tracker, library, settings


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
