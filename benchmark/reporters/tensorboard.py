"""Scores for TensorBoard."""

from __future__ import annotations

from typing import Any

from ..plan import Plan
from ..results import RunFolder
from .tracker import Tracker, library, settings


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
