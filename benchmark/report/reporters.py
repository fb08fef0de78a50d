"""Reporters that partbench brings: the page of a run, and trackers of experiments, none of which needs a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ... import hookimpl
from ..reporter import Listener, Reporter

if TYPE_CHECKING:
    from ..run_folder import RunFolder


@hookimpl
def partbench_reporters() -> Iterator[Reporter]:
    """Each writes into the folder of the run."""
    yield Reporter("page", _page, "the report as an HTML page, when the run ends")
    yield Reporter("tensorboard", _tensorboard, "scores as TensorBoard event files")
    yield Reporter("mlflow", _mlflow, "scores as a local MLflow run")
    yield Reporter("wandb", _wandb, "scores as an offline Weights & Biases run, for wandb sync")


def _page() -> Listener:
    return PageListener()


def _tensorboard() -> Listener:
    from .trackers import TensorBoardListener

    return TensorBoardListener()


def _mlflow() -> Listener:
    from .trackers import MLflowListener

    return MLflowListener()


def _wandb() -> Listener:
    from .trackers import WandbListener

    return WandbListener()


class PageListener(Listener):
    """Does what `partbench report RUN --out RUN/report` does, be the run complete or not."""

    def run_finished(self, folder: RunFolder, complete: bool) -> None:
        from ..metrics.definitions import DEFAULT
        from .build import make
        from .run_data import gather

        make(gather(folder.path, DEFAULT), folder.path / "report")
