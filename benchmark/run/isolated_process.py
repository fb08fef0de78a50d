"""One backbone of a run in a process of its own, whose end is not the run's."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from ..machine import MemoryLimit
from ..plan import HEADLESS, Plan, base_head
from ..plugins.catalogue import Catalogue, load_catalogue
from ..plugins.names import find_backbone, find_dataset, find_head
from ..reporter import Listener
from ..results import CellResult
from ..run_folder import RunFolder
from .runner import Runner
from .task import SegmentationTask


@dataclass(frozen=True)
class RunRecipe:
    """What any process needs to open a run: its records are found by their names."""

    plan: Plan
    folder: RunFolder
    device: torch.device
    cache: Path
    facts: Mapping[str, Any]
    room: MemoryLimit | None = None

    def open(self, catalogue: Catalogue, reporter: Listener) -> Runner:
        """The run."""
        plan = self.plan
        backbones = {name: find_backbone(catalogue, name) for name in plan.backbones if name not in HEADLESS}
        heads = {n: find_head(catalogue, n) for name in plan.heads for n in (name, base_head(name))}
        task = SegmentationTask.of_offer(find_dataset(catalogue, plan.dataset), plan)
        facts = (self.folder, self.device, self.cache, self.facts, reporter, self.room)
        return Runner(plan, task, backbones, heads, *facts, apart=self.score_apart)

    def score_apart(self, name: str, reporter: Listener) -> str:
        """Score a backbone in a process of its own; how that ended before it was done, '' if it did not."""
        context = get_context("spawn")  # a fork would inherit threads, and a GPU that it cannot use
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_score, args=(self, name, theirs))
        process.start()
        theirs.close()
        try:
            with suppress(EOFError):  # it has ended
                while (heard := ours.recv()) is not None:
                    event, facts = heard
                    getattr(reporter, event)(*facts)
                return ""
            process.join()
        finally:
            process.kill()
        return _end(process.exitcode or 0)


def _end(code: int) -> str:
    """How a process ended, by its exit code: minus the signal that ended it."""
    if code < 0:
        name = signal.Signals(-code).name
        return f"was ended by {name}, as where memory runs out" if name == "SIGKILL" else f"was ended by {name}"
    return f"ended with exit code {code}"


class _Relay(Listener):
    """Sends what it hears of a backbone to another process."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def start(self, backbone: str, units: int) -> None:
        self.connection.send(("start", (backbone, units)))

    def unit(self, backbone: str, what: str) -> None:
        self.connection.send(("unit", (backbone, what)))

    def cell_finished(self, result: CellResult) -> None:
        self.connection.send(("cell_finished", (result,)))

    def finish(self, backbone: str) -> None:
        self.connection.send(("finish", (backbone,)))

    def problem(self, sentence: str) -> None:
        self.connection.send(("problem", (sentence,)))


def _score(recipe: RunRecipe, name: str, connection: Connection) -> None:
    """The process of one backbone; Ctrl-C is the business of the run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    recipe.open(load_catalogue(), _Relay(connection)).score(name)
    connection.send(None)
