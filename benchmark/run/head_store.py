"""Trains the heads of one backbone and stores them until all cells are scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...backbones.backbone import Backbone
from ...heads.head import Head
from ...heads.stack import why_alone
from ..plan import Cell
from ..plugins.calls import plugin_call
from ..plugins.catalogue import Offer
from ..scores.convergence import ShotFit
from ..sealed_files import read_sealed, set_aside, write_sealed
from .head_training import Trained, learn, strategy
from .recorder import RunRecorder
from .schedules import SCHEDULES, Schedule
from .shot_features import ShotMaps
from .shot_fit import measure_fit
from .stack_steps import Bank
from .stack_training import Lesson, learn_together


@dataclass(frozen=True)
class StoredHead:
    """A trained head, how it fits its own shots, and how it was trained."""

    module: nn.Module
    fit: ShotFit
    training: str


@dataclass
class HeadStore:
    """Trains heads on the maps of one backbone."""

    backbone: Backbone
    heads: Mapping[str, Offer[Head]]
    recorder: RunRecorder
    device: torch.device
    work: Path
    stacks: bool | None = None
    """Whether heads of one kind train together; None: on CUDA. Two cores are as busy with each by itself."""

    def __post_init__(self) -> None:
        self.stacks = self.device.type == "cuda" if self.stacks is None else self.stacks

    def groups(self, cells: Sequence[Cell]) -> list[list[Cell]]:
        """The cells, those together whose heads train together."""
        kinds, groups = {name for name in {cell.head for cell in cells} if self._stacks(name)}, dict[str, list[Cell]]()
        for cell in cells:
            together = cell.head in kinds and not self.file(cell).exists()
            groups.setdefault(cell.head if together else cell.slug, []).append(cell)
        return list(groups.values())

    def trained(self, group: Sequence[Cell], shots: ShotMaps) -> dict[Cell, StoredHead | Exception]:
        """The heads of cells that train together, or why one has none: each by itself where they fail together."""
        if len(group) > 1:
            try:
                return {**self._together(group, shots)}
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                half = len(group) // 2
                return self.trained(group[:half], shots) | self.trained(group[half:], shots)
            except Exception:  # whatever it is, alone it is the error of the head that raises it
                pass
        return {cell: self._attempt(cell, shots) for cell in group}

    def _attempt(self, cell: Cell, shots: ShotMaps) -> StoredHead | Exception:
        try:
            return self.head(cell, shots)
        except Exception as error:  # a head that fails is recorded, and the others go on
            return error

    def head(self, cell: Cell, shots: ShotMaps) -> StoredHead:
        """The trained head of a cell, from disk if an earlier run got that far."""
        if (stored := self._load(cell)) is not None:
            return stored
        head, rows, masks = self.heads[cell.head].record, self._rows(cell), self._masks(cell)
        with plugin_call(head.name, self.recorder.problem):
            trained = learn(
                head,
                self.backbone.channels,
                self._classes,
                lambda i: shots.of(rows[i]),
                masks,
                self._schedule,
                self._seed(cell),
            )
        return self._keep(cell, trained, shots, masks)

    def _together(self, group: Sequence[Cell], shots: ShotMaps) -> dict[Cell, StoredHead]:
        """The heads of cells of one kind of head, trained at once."""
        head, own, masks = (
            self.heads[group[0].head].record,
            {cell: self._masks(cell) for cell in group},
            dict[int, Tensor](),
        )
        for cell in group:
            masks |= dict(zip(self._rows(cell), own[cell], strict=True))
        place = {row: i for i, row in enumerate(masks)}
        maps = [torch.cat(layer) for layer in zip(*(shots.of(row) for row in masks), strict=True)]
        bank = Bank(maps, torch.stack(list(masks.values())))
        lessons = [Lesson([place[row] for row in self._rows(cell)], self._seed(cell)) for cell in group]
        with plugin_call(head.name, self.recorder.problem):
            trained = learn_together(head, self.backbone.channels, self._classes, bank, lessons, self._schedule)
        return {cell: self._keep(cell, one, shots, own[cell]) for cell, one in zip(group, trained, strict=True)}

    def _keep(self, cell: Cell, trained: Trained, shots: ShotMaps, masks: Tensor) -> StoredHead:
        """Store a trained head."""
        rows, file = self._rows(cell), self.file(cell)
        with plugin_call(cell.head, self.recorder.problem):
            fit = measure_fit(trained, lambda i: shots.of(rows[i]), masks, self._classes)
            how = strategy(trained.module, self._schedule, self.recorder.task.plan.size)
        how += f", in a stack of {trained.stacked}" if trained.stacked > 1 else ", alone"
        data = _as_bytes({"head": trained.module.state_dict(), "fit": asdict(fit), "training": how})
        write_sealed(file, data, self.recorder.origin(file, cell.head))
        self.recorder.journal("fit", cell.slug)
        return StoredHead(trained.module, fit, how)

    def _stacks(self, name: str) -> bool:
        """Whether heads of this kind train together; of one that fails when it is asked, each fails by itself."""
        if not self.stacks:
            return False
        try:
            with plugin_call(name, self.recorder.problem):
                return why_alone(self.heads[name].record) is None
        except Exception:  # whatever a plugin raises, its cells will say
            return False

    def _rows(self, cell: Cell) -> list[int]:
        """Images of the pool that a cell learns from."""
        return list(self.recorder.task.manifest.shots(cell.draw, cell.shots))

    def _masks(self, cell: Cell) -> Tensor:
        """Their masks (n, S, S)."""
        return self.recorder.task.shot_masks(cell.draw, cell.shots).to(self.device)

    def _seed(self, cell: Cell) -> int:
        return cell.seed(self.recorder.task.plan.seed)

    @property
    def _schedule(self) -> Schedule:
        return SCHEDULES[self.recorder.task.plan.schedule]

    @property
    def _classes(self) -> int:
        return len(self.recorder.task.dataset.classes)

    def file(self, cell: Cell) -> Path:
        """Where the head of a cell is kept."""
        return self.work / f"{cell.slug}.pt"

    def _load(self, cell: Cell) -> StoredHead | None:
        """The head that is kept; None if there is none, or, which is said, none that fits."""
        file, head = self.file(cell), self.heads[cell.head].record
        if not file.exists():
            return None
        with plugin_call(head.name, self.recorder.problem):
            module = head.build(self.backbone.channels, self._classes)
        try:
            data = read_sealed(file, self.recorder.origin(file, cell.head))
            stored = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
            module.load_state_dict(stored["head"])
            fit, training = ShotFit(**stored["fit"]), str(stored["training"])
        except Exception as error:  # torch raises all sorts on what is no head of this kind
            self.recorder.problem(set_aside(file, error))
            return None
        return StoredHead(module.to(self.device).requires_grad_(False).eval(), fit, training)


def _as_bytes(state: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
