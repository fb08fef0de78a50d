"""The trained heads of one backbone as files, until all cells are scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import torch
from torch import nn

from ...backbones.backbone import Backbone
from ...heads.head import Head
from ...heads.state import give_state
from ..plan import Cell
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from ..scores.convergence import ShotFit
from ..sealed_files import read_sealed, set_aside, write_sealed
from .head_training import begin
from .recorder import RunRecorder


@dataclass(frozen=True)
class StoredHead:
    """A trained head, how it fits its own shots, and how it was trained."""

    module: nn.Module
    fit: ShotFit
    training: str


@dataclass
class HeadFiles:
    """Keeps heads, and builds them anew."""

    backbone: Backbone
    heads: Mapping[str, Offer[Head]]
    recorder: RunRecorder
    device: torch.device
    work: Path

    def file(self, cell: Cell) -> Path:
        """Where the head of a cell is kept."""
        return self.work / f"{cell.slug}.pt"

    def load(self, cell: Cell) -> StoredHead | None:
        """The head that is kept; None if there is none, or, which is said, none that fits."""
        file = self.file(cell)
        if not file.exists():
            return None
        with plugin_call(cell.head, self.recorder.problem):
            module = self._built(cell)
        try:
            data = read_sealed(file, self.recorder.origin(file, cell.head))
            stored = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
            module.load_state_dict(stored["head"])
            fit, training = ShotFit(**stored["fit"]), str(stored["training"])
        except Exception as error:  # torch raises all sorts on what is no head of this kind
            self.recorder.problem(set_aside(file, error))
            return None
        return StoredHead(module, fit, training)

    def write(self, cell: Cell, head: StoredHead) -> None:
        """Keep the head of a cell."""
        file, buffer = self.file(cell), BytesIO()
        torch.save({"head": head.module.state_dict(), "fit": asdict(head.fit), "training": head.training}, buffer)
        write_sealed(file, buffer.getvalue(), self.recorder.origin(file, cell.head))

    def _built(self, cell: Cell) -> nn.Module:
        """A head of its kind that only predicts, as it began."""
        module = begin(self.heads[cell.head].record, self.backbone.channels, self._classes, self._seed(cell))
        return module.to(self.device).requires_grad_(False).eval()

    def like(self, cell: Cell, trained: nn.Module) -> nn.Module:
        """A head that is built anew, with the state of a trained one."""
        module = self._built(cell)
        give_state(module, cell.head, trained.state_dict())
        return module

    def _seed(self, cell: Cell) -> int:
        return cell.seed(self.recorder.task.plan.seed)

    @property
    def _classes(self) -> int:
        return len(self.recorder.task.dataset.classes)
