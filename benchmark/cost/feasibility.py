"""Feasibility of a plan: forecast cost of the remaining cells, and smaller options that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..plan import NO_HEAD, Cell, Plan
from ..run.schedules import SCHEDULES
from ..run.task import STATISTICS, SegmentationTask
from .forecast import Extent, Needs, memory, needs
from .measured_cost import BackboneFigures, HeadFigures

SMALLEST = 8
"""Side of masks, pixels, below which no plan goes."""


@dataclass(frozen=True)
class Feasibility:
    """Forecast cost of the remaining cells of a plan."""

    plan: Plan
    left: Mapping[str, tuple[Cell, ...]]
    """Cells without a score, by backbone."""
    figures: Mapping[str, BackboneFigures]
    extent: Extent
    base: int
    """Bytes that a program takes before it loads a backbone."""

    @property
    def needs(self) -> dict[str, Needs]:
        """By backbone, those that could be measured."""
        measured = {name: self.figures[name] for name in self.left if self.figures[name].error is None}
        return {name: needs(figures, self.left[name], self.extent) for name, figures in measured.items()}

    @property
    def memory(self) -> int:
        """Bytes at the highest: backbones come one after the other."""
        return self.base + max((one.memory for one in self.needs.values()), default=0)

    @property
    def largest(self) -> str:
        """The backbone that asks for most memory."""
        return max(self.needs, key=lambda name: self.needs[name].memory, default="")

    @property
    def disk(self) -> int:
        """Bytes in the run's folder at the highest: all results, and the trained heads of one backbone."""
        needs = self.needs.values()
        return sum(one.results for one in needs) + max((one.units for one in needs), default=0)

    @property
    def codes(self) -> int:
        """Bytes that are added to the cache."""
        return sum(one.codes for one in self.needs.values())

    def smaller(self, most: int) -> list[tuple[str, int]]:
        """What to ask for instead, as options of the command line, with the bytes that it then takes."""
        return [(option, size) for option, size in self._options() if size <= most]

    def _options(self) -> Iterator[tuple[str, int]]:
        """Fewer heads at once, fewer shots, smaller masks."""
        heads = sorted({cell.head for cells in self.left.values() for cell in cells if cell.head != NO_HEAD})
        if len(heads) > 1:
            yield "one --head after the other", max(self._with(_of(head)) for head in heads)
        for most in sorted(self.plan.shots)[-2::-1]:
            shots = [n for n in self.plan.shots if n <= most]
            extent = replace(self.extent, shots={n: self.extent.shots[n] for n in shots})
            yield f"--shots {','.join(map(str, shots))}", self._with(_up_to(most), extent)
        side = self.plan.size // 2
        while side >= SMALLEST:
            size = replace(self.plan, size=side).options()["size"]
            yield f"--size {size}", self.base + max(self._at(name, side) for name in self.needs)
            side //= 2

    def _with(self, keep: Callable[[Cell], bool], extent: Extent | None = None) -> int:
        """Bytes if only the cells that are kept were run."""
        extent = extent or self.extent
        left = {name: [cell for cell in self.left[name] if keep(cell)] for name in self.needs}
        return self.base + max(memory(self.figures[name], cells, extent) for name, cells in left.items())

    def _at(self, name: str, side: int) -> int:
        """Bytes of a backbone's cells with masks of another side; what a head needs at work goes with the area."""
        share = (side / self.plan.size) ** 2
        figures = self.figures[name]
        heads = {h: _shrunk(head, share) for h, head in figures.heads.items()}
        return memory(replace(figures, heads=heads), self.left[name], self.extent)


def _shrunk(head: HeadFigures, share: float) -> HeadFigures:
    """A head, and what it teaches, at work on so much smaller masks."""
    taught = head.segmenter and replace(head.segmenter, memory=int(head.segmenter.memory * share))
    return replace(head, memory=int(head.memory * share), segmenter=taught)


def _of(head: str) -> Callable[[Cell], bool]:
    return lambda cell: cell.head in (head, NO_HEAD)


def _up_to(most: int) -> Callable[[Cell], bool]:
    return lambda cell: cell.shots <= most


def extent_of(task: SegmentationTask) -> Extent:
    """The workload of a task per backbone."""
    plan, draws = task.plan, task.manifest.draws
    unlabelled = task.splits.unlabelled
    schedule = SCHEDULES[plan.schedule]
    return Extent(
        scale=min(STATISTICS, len(task.pool) if unlabelled is None else len(unlabelled)),
        shots={shots: len({i for draw in draws for i in draw[:shots]}) for shots in plan.shots},
        test=len(task.test),
        size=plan.size,
        classes=len(task.dataset.classes),
        steps=lambda head, shots: schedule.for_head(head).total(shots),
    )
