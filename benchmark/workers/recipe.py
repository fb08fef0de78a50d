"""What a process needs to open a run, and what it has of its machine while it does."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ...datasets.dataset import DatasetError
from ..auto_shot_names import base_head
from ..contents import Contents
from ..machine import MemoryLimit, free_memory, provenance
from ..plan import HEADLESS, Plan
from ..plugins.catalogue import Catalogue
from ..plugins.names import find_backbone, find_dataset, find_head
from ..plugins.places import Places
from ..reporter import Listener
from ..run.runner import Runner
from ..run.task import SegmentationTask
from ..run_folder import RunFolder
from .needs import MEND, NeedError, Needs, Send, needs_of, places_here


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
    needs: Needs = field(default_factory=dict)
    """The files that workers elsewhere must have."""
    weights: Mapping[str, str | None] = field(default_factory=dict)
    """Hashes of what backbones read, which they must read elsewhere, too."""
    places: Places = field(default_factory=dict)
    """Where those files lie on this machine."""
    only: str | None = None
    """The backbone that a worker elsewhere has a group of: it opens no other, and needs no file of another."""
    keeper: Any = None
    """Whoever sends files to machines of a Ray cluster that lack them."""

    def open(self, catalogue: Catalogue, reporter: Listener) -> Runner:
        """The run."""
        plan = self.plan
        names = [name for name in plan.backbones if name not in HEADLESS and self.only in (None, name)]
        backbones = {name: find_backbone(catalogue, name, self.places) for name in names}
        heads = {n: find_head(catalogue, n) for name in plan.heads for n in (name, base_head(name))}
        task = SegmentationTask.of_offer(find_dataset(catalogue, plan.dataset), plan)
        if self.contents is not None:
            vars(task)["contents"] = self.contents  # where the property keeps it
        facts = (self.folder, self.device, self.cache, self.facts, reporter, self.room)
        return Runner(plan, task, backbones, heads, *facts, since=self.since)

    def here(self, backbone: str, send: Send | None = None) -> RunRecipe:
        """The same on another machine, for a group of a backbone, whose files it has or is sent; else it ends there."""
        places = places_here(self.needs.get(backbone, ()), send)
        return replace(self, needs={}, keeper=None, places=places, only=backbone)

    def open_elsewhere(self, catalogue: Catalogue, reporter: Listener) -> Runner:
        """The run on another machine: a path is no promise of what images and weights hold."""
        try:
            runner = replace(self, contents=None).open(catalogue, reporter)
        except DatasetError as error:
            raise NeedError(f"{platform.node()} cannot open {self.plan.dataset} ({error}); {MEND}") from None
        runner.task.check_folder(self.folder)
        for name in runner.backbones:
            ours, now = self.weights.get(name), runner.recorder.makers.weights(name)
            if None not in (ours, now) and ours != now:
                what = f"{platform.node()} has other weights of {name} than this run reads ({now}, not {ours})"
                raise NeedError(f"{what}; see that every machine has the same packages and files")
        return runner

    def for_elsewhere(self, runner: Runner) -> RunRecipe:
        """The same with what machines elsewhere need."""
        weights = {name: runner.recorder.makers.weights(name) for name in runner.backbones}
        return replace(self, needs=needs_of(runner.backbones), weights=weights)

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
