"""Reporters that partbench brings: the page of a run, and trackers of experiments, none of which needs a network."""

from __future__ import annotations

from collections.abc import Iterator

from ... import hookimpl
from ..reporter import Listener, Reporter


@hookimpl
def partbench_reporters() -> Iterator[Reporter]:
    """Each writes into the folder of the run."""
    yield Reporter("page", _page, "the report as an HTML page, when the run ends")
    yield Reporter("tensorboard", _tensorboard, "scores as TensorBoard event files")
    yield Reporter("mlflow", _mlflow, "scores as a local MLflow run")
    yield Reporter("wandb", _wandb, "scores as an offline Weights & Biases run, for wandb sync")


def _page() -> Listener:
    from .page import PageListener

    return PageListener()


def _tensorboard() -> Listener:
    from .tensorboard import TensorBoardListener

    return TensorBoardListener()


def _mlflow() -> Listener:
    from .mlflow import MLflowListener

    return MLflowListener()


def _wandb() -> Listener:
    from .wandb import WandbListener

    return WandbListener()
