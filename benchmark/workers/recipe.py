"""What a process needs to open a run, and what it has of its machine while it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ..contents import Contents
from ..machine import MemoryLimit, free_memory, provenance
from ..plan import HEADLESS, Plan, base_head
from ..plugins.catalogue import Catalogue
from ..plugins.names import find_backbone, find_dataset, find_head
from ..reporter import Listener
from ..run.runner import Runner
from ..run.task import SegmentationTask
from ..run_folder import RunFolder


@dataclass(frozen=True)
class RunRecipe:
    """What any process needs to open a run: its records are found by their names."""

    plan: Plan
    folder: RunFolder
    device: torch.device
    cache: Path
    facts: Mapping[str, Any]
    room: MemoryLimit | None = None
    contents: Contents | None = None
    """What the images and masks of this machine hold, where another process has looked."""
    since: float | None = None
    """When the run began, as its disk has it."""
    any_device: bool = False
    """Whether nobody named the device, and workers elsewhere take what they have."""

    def open(self, catalogue: Catalogue, reporter: Listener) -> Runner:
        """The run."""
        plan = self.plan
        backbones = {name: find_backbone(catalogue, name) for name in plan.backbones if name not in HEADLESS}
        heads = {n: find_head(catalogue, n) for name in plan.heads for n in (name, base_head(name))}
        task = SegmentationTask.of_offer(find_dataset(catalogue, plan.dataset), plan)
        if self.contents is not None:
            vars(task)["contents"] = self.contents  # where the property keeps it
        facts = (self.folder, self.device, self.cache, self.facts, reporter, self.room)
        return Runner(plan, task, backbones, heads, *facts, since=self.since)

    def open_elsewhere(self, catalogue: Catalogue, reporter: Listener) -> Runner:
        """The run on another machine, whose images are held against those of the run: a path is no promise."""
        runner = replace(self, contents=None).open(catalogue, reporter)
        runner.task.check_folder(self.folder)
        return runner

    def of(self, runner: Runner) -> RunRecipe:
        """The same for workers of a run that is open, and has begun."""
        return replace(self, contents=runner.task.contents, since=runner.since)


@dataclass(frozen=True)
class Slot:
    """What a worker has of this machine."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that libraries read when they are imported: the one GPU that it sees, how many threads there are."""
    threads: int | None = None
    """Of the processor; None: as many as the run has."""
    share: int = 1
    """How many workers have the same device."""
    device: str = ""
    """Of a worker elsewhere, cpu or cuda, where only the worker can measure what is free; '': that of the run."""
    deaf: tuple[int, ...] = ()
    """Signals that are for whoever started the worker."""

    def recipe(self, recipe: RunRecipe) -> RunRecipe:
        """The run as it is done here, within the worker."""
        if self.threads:
            torch.set_num_threads(self.threads)
        device = torch.device(recipe.device.type) if self.environment else recipe.device  # the one that it sees
        device = torch.device(self.device) if self.device else device
        room = recipe.room and replace(recipe.room, device=device)
        if room is not None:
            measured = not room.asked and (self.device or room.device.type == "cuda")
            most = free_memory(room.device) if measured else room.most
            room = replace(room, most=None if most is None else most // self.share)
        return replace(recipe, device=device, room=room, facts={**recipe.facts, **provenance(device)})
