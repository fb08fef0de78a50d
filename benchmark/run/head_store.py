"""Trains the heads of one backbone, and keeps them until all cells are scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ...heads.stack import why_alone
from ..plan import Cell
from ..plugins.calls import plugin_call
from .head_files import HeadFiles, StoredHead
from .head_training import Trained, learn, strategy
from .schedules import SCHEDULES, Schedule
from .shot_features import ShotMaps
from .shot_fit import measure_fit
from .stack_groups import stack_groups
from .stack_steps import Bank
from .stack_training import Lesson, StackLearning, learn_beside


@dataclass
class HeadStore(HeadFiles):
    """Trains heads on the maps of one backbone."""

    stacks: bool | None = None
    """Whether heads of one kind train together; None: on CUDA. Two cores are as busy with each by itself."""

    def __post_init__(self) -> None:
        self.stacks = self.device.type == "cuda" if self.stacks is None else self.stacks

    def groups(self, cells: Sequence[Cell]) -> list[list[Cell]]:
        """The cells, those together whose heads train together."""
        known, problem = self.heads, self.recorder.problem
        return stack_groups(cells, known, why_alone, lambda cell: not self.stacks or self.file(cell).exists(), problem)

    def fit(self, groups: Sequence[Sequence[Cell]], shots: ShotMaps) -> Iterator[tuple[Cell, StoredHead | Exception]]:
        """Every head, or why there is none, as it comes: stacks train beside each other, and then the others alone."""
        stacks, left = [group for group in groups if len(group) > 1], [group for group in groups if len(group) == 1]
        for group, result in self._beside(stacks, shots):
            if isinstance(result, Exception):
                left.append(group)
            else:
                yield from result.items()
        for group in left:
            yield from self._trained(group, shots).items()

    def _trained(self, group: Sequence[Cell], shots: ShotMaps) -> dict[Cell, StoredHead | Exception]:
        """The heads of cells that train together, or why one has none: each by itself where they fail together."""
        if len(group) > 1:
            torch.cuda.empty_cache()
            ((_, result),) = self._beside([group], shots)
            if not isinstance(result, Exception):
                return {**result}
            if isinstance(result, torch.OutOfMemoryError):
                half = len(group) // 2
                return self._trained(group[:half], shots) | self._trained(group[half:], shots)
        self._want(group, shots)
        return {cell: self._attempt(cell, shots) for cell in group}

    def _want(self, cells: Sequence[Cell], shots: ShotMaps) -> None:
        shots.want({row for cell in cells for row in self.recorder.task.manifest.draws[cell.draw]})

    def _attempt(self, cell: Cell, shots: ShotMaps) -> StoredHead | Exception:
        try:
            return self.head(cell, shots)
        except Exception as error:  # a head that fails is recorded, and the others go on
            return error

    def head(self, cell: Cell, shots: ShotMaps) -> StoredHead:
        """The trained head of a cell, from disk if an earlier run got that far."""
        if (stored := self.load(cell)) is not None:
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
        return self._keep(cell, trained, ((shots.of(row), masks[i : i + 1]) for i, row in enumerate(rows)))

    def _beside(
        self, groups: Sequence[Sequence[Cell]], shots: ShotMaps
    ) -> Iterator[tuple[Sequence[Cell], dict[Cell, StoredHead] | Exception]]:
        """The heads of groups that train at once, each group a stack, or why they could not."""
        if groups:
            self._want([cell for group in groups for cell in group], shots)
        banks, stacks = dict[tuple[int, ...], Bank](), dict[int, StackLearning]()
        for number, group in enumerate(groups):
            try:
                stacks[number] = self._stack(group, shots, banks)
            except Exception as error:  # whatever a plugin raises, or a lack of memory
                yield group, error
        for number, found in learn_beside(stacks):
            group, stack = groups[number], stacks.pop(number)
            try:
                yield group, found if isinstance(found, Exception) else self._keep_all(group, found, stack)
            except Exception as error:  # of a head that fails on its own shots
                yield group, error

    def _stack(self, group: Sequence[Cell], shots: ShotMaps, banks: dict[tuple[int, ...], Bank]) -> StackLearning:
        """The training of cells of one kind of head; groups that learn from the same images share them."""
        masks, head = dict[int, Tensor](), self.heads[group[0].head].record
        for cell in group:
            masks |= dict(zip(self._rows(cell), self._masks(cell), strict=True))
        place = {row: i for i, row in enumerate(masks)}
        if (rows := tuple(masks)) not in banks:
            maps = [torch.cat(layer) for layer in zip(*(shots.of(row) for row in rows), strict=True)]
            banks[rows] = Bank(maps, torch.stack(list(masks.values())))
        lessons = [Lesson([place[row] for row in self._rows(cell)], self._seed(cell)) for cell in group]
        guard = partial(plugin_call, head.name, self.recorder.problem)
        return StackLearning(head, self.backbone.channels, self._classes, banks[rows], lessons, self._schedule, guard)

    def _keep_all(
        self, group: Sequence[Cell], found: Sequence[Trained], stack: StackLearning
    ) -> dict[Cell, StoredHead]:
        """Store the heads of a stack."""
        parts = ([stack.bank.part(lesson.shots)] for lesson in stack.lessons)
        return {cell: self._keep(cell, one, part) for cell, one, part in zip(group, found, parts, strict=True)}

    def _keep(self, cell: Cell, trained: Trained, shown: Iterable[tuple[Sequence[Tensor], Tensor]]) -> StoredHead:
        """Store a trained head, and how it fits its shots: maps and masks.

        What is scored is the head that a stopped run would find: built anew, with the state that is kept.
        """
        with plugin_call(cell.head, self.recorder.problem):
            module = self.like(cell, trained.module)
            fit = measure_fit(replace(trained, module=module), shown, self._classes)
            how = strategy(trained.module, self._schedule, self.recorder.task.plan.size)
        how += f", in a stack of {trained.stacked}" if trained.stacked > 1 else ", alone"
        self.write(cell, head := StoredHead(module, fit, how))
        self.recorder.journal("fit", cell.slug)
        return head

    def _rows(self, cell: Cell) -> list[int]:
        """Images of the pool that a cell learns from."""
        return list(self.recorder.task.manifest.shots(cell.draw, cell.shots))

    def _masks(self, cell: Cell) -> Tensor:
        """Their masks (n, S, S)."""
        return self.recorder.task.shot_masks(cell.draw, cell.shots).to(self.device)

    @property
    def _schedule(self) -> Schedule:
        return SCHEDULES[self.recorder.task.plan.schedule]
