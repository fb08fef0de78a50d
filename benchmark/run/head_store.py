"""Trains the heads of one backbone and stores them until all cells are scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...backbones.backbone import Backbone
from ...heads.head import Head
from ..plan import Cell
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from ..scores.convergence import ShotFit
from ..sealed_files import read_sealed, set_aside, write_sealed
from .head_training import learn
from .recorder import RunRecorder
from .schedules import SCHEDULES
from .shot_features import ShotMaps
from .shot_fit import measure_fit


@dataclass(frozen=True)
class StoredHead:
    """A trained head, and how it fits its own shots."""

    module: nn.Module
    fit: ShotFit


@dataclass
class HeadStore:
    """Trains heads on the maps of one backbone."""

    backbone: Backbone
    heads: Mapping[str, Offer[Head]]
    recorder: RunRecorder
    device: torch.device
    work: Path

    def head(self, cell: Cell, shots: ShotMaps) -> StoredHead:
        """The trained head of a cell, from disk if an earlier run got that far."""
        file, head, task = self.file(cell), self.heads[cell.head].record, self.recorder.task
        classes = len(task.dataset.classes)
        if (stored := self._load(cell, classes)) is not None:
            return stored
        rows, masks = task.manifest.draws[cell.draw], task.shot_masks(cell.draw, cell.shots).to(self.device)
        schedule, seed = SCHEDULES[task.plan.schedule], cell.seed(task.plan.seed)
        channels = self.backbone.channels
        with plugin_call(head.name, self.recorder.problem):
            trained = learn(head, channels, classes, lambda i: shots.of(rows[i]), masks, schedule, seed)
            fit = measure_fit(trained, lambda i: shots.of(rows[i]), masks, classes)
        data = _as_bytes({"head": trained.module.state_dict(), "fit": asdict(fit)})
        write_sealed(file, data, self.recorder.origin(file, cell.head))
        self.recorder.journal("fit", cell.slug)
        return StoredHead(trained.module, fit)

    def file(self, cell: Cell) -> Path:
        """Where the head of a cell is kept."""
        return self.work / f"{cell.slug}.pt"

    def _load(self, cell: Cell, classes: int) -> StoredHead | None:
        """The head that is kept; None if there is none, or, which is said, none that fits."""
        file, head = self.file(cell), self.heads[cell.head].record
        if not file.exists():
            return None
        with plugin_call(head.name, self.recorder.problem):
            module = head.build(self.backbone.channels, classes)
        try:
            data = read_sealed(file, self.recorder.origin(file, cell.head))
            stored = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
            module.load_state_dict(stored["head"])
            fit = ShotFit(**stored["fit"])
        except Exception as error:  # torch raises all sorts on what is no head of this kind
            self.recorder.problem(set_aside(file, error))
            return None
        return StoredHead(module.to(self.device).requires_grad_(False).eval(), fit)


def _as_bytes(state: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
