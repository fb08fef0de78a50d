"""What the groups of a run need of a machine elsewhere, and what their workers have there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ... import counted
from ...backbones.backbone import Backbone
from ..plan import COPY
from ..plugins.catalogue import Offer
from ..run.groups import Group
from .recipe import Slot
from .worker_pool import THREADS

GIB = 2**30
LIGHT = 0.25
"""Of a GPU, where there is no network but the heads."""


@dataclass(frozen=True)
class Demand:
    """What a group needs of a machine while it is done."""

    cpus: int = 1
    gpus: float = 0.0
    memory: int = 0
    """Bytes; 0: nobody knows."""

    def __str__(self) -> str:
        parts = [counted(self.cpus, "core")]
        parts += [f"{self.gpus:g} of a GPU"] if self.gpus else []
        parts += [f"{self.memory / GIB:.1f} GiB"] if self.memory else []
        return " and ".join(parts)

    def fits_into(self, there: Mapping[str, float]) -> bool:
        """Whether one with these resources, as Ray names them, has as much."""
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}
        return all(there.get(what, 0.0) >= much for what, much in asked.items())


@dataclass(frozen=True)
class Demands:
    """What the groups of a run need."""

    backbones: Mapping[str, Offer[Backbone]]
    cpus: int = 1
    """Of a machine, for every group."""
    gpu: bool = False
    """Whether groups are done on GPUs."""
    memory: int = 0
    """Bytes, where the user said how many."""
    forecast: Mapping[str, int] = field(default_factory=dict)
    """Bytes by backbone, where they were forecast; they hold for groups that are done on processors."""

    def __call__(self, group: Group) -> Demand:
        if self.gpu:
            return Demand(self.cpus, self._gpus(group.backbone), self.memory)
        return Demand(self.cpus, 0.0, self.memory or self.forecast.get(group.backbone, 0))

    def _gpus(self, name: str) -> float:
        """One where a network describes images, some of one for a formula, none for what reads no image."""
        if name == COPY:
            return 0.0
        record = self.backbones[name].record if name in self.backbones else None
        formula = record is not None and not record.learnt and not record.weights and record.untrained is None
        return LIGHT if formula and not name.startswith("random:") else 1.0


def slot_for(demand: Demand, beside: int) -> Slot:
    """What the worker of a group has of its machine; on a processor it shares the memory with so many, itself one."""
    device, share = ("cuda", round(1 / demand.gpus)) if demand.gpus else ("cpu", beside)
    return Slot(dict.fromkeys(THREADS, str(demand.cpus)), demand.cpus, max(1, share), device)
