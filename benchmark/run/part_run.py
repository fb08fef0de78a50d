"""Runs a part of a backbone's test slices: heads are trained together with the other parts, cells written by the last.

What a part has done lies in the units of the run's folder, where the others find it. No test image is another part's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..plan import Cell, file_name
from .backbone_run import BackboneRun
from .claims import Claims
from .head_files import StoredHead
from .recorder import RunRecorder
from .shared_heads import SharedHeads
from .slice_store import Arrays, SliceStore


@dataclass(kw_only=True)
class PartRun(BackboneRun):
    """Scores the slices of one part, and the cells whose slices are all scored."""

    claims: Claims
    since: float | None
    """When the run began: what has failed since has its result."""

    def run(self, cells: Sequence[Cell]) -> None:
        """Do a part of what these few-shot cells are; the same as if one did all of it, to the bit."""
        all_slices = self.recorder.task.test_slices(self.backbone.size)
        self.draws = sorted({cell.draw for cell in cells})
        own = {number: all_slices[number] for number in self.group.own(len(all_slices))}
        shots = self.shot_maps(lambda what: None)
        self.recorder.reporter.start(self.backbone.name, 1 + len(cells) + len(own))
        self.prepare(shots, own)
        shared = SharedHeads(self, shots, self.claims, self._failed, self.group.part or (1, 1))
        heads = shared.fit(cells, self._invert(own))
        arrays = self.score(heads, own, self._failed)
        self._finish(heads, arrays, len(all_slices))

    def _invert(self, slices: Mapping[int, list[int]]) -> Iterator[bool]:
        """Invert test images, a slice at a time, each of which is true."""
        task, codes = self.recorder.task, self.source.codes
        for rows in slices.values() if codes else ():
            images = task.scored.images(rows, self.backbone.size)
            if codes and codes.missing(images):
                codes.read(images)
                yield True

    def _finish(self, heads: Mapping[Cell, StoredHead], own: Mapping[int, Arrays], count: int) -> None:
        """Write the cells of which nothing is missing: if another part is at work, those are its to write."""
        with self._writing():
            arrays = {number: own.get(number) or self.slices.read(number) for number in range(count)}
            whole = [cell for cell in _counted(self.slices, heads, arrays) if not self._written(cell)]
            if whole:
                self.write({cell: heads[cell] for cell in whole}, arrays)

    def fail(self, cell: Cell, sentence: str) -> None:
        """Record why a cell has no score, unless another part has."""
        with self._writing():
            if not self._failed(cell):
                super().fail(cell, sentence)

    def _failed(self, cell: Cell) -> bool:
        return self.recorder.failed_since(cell, self.since)

    def _written(self, cell: Cell) -> bool:
        return self._failed(cell) or self.recorder.done(cell)

    def _writing(self) -> AbstractContextManager[None]:
        return writing(self.claims, self.recorder, self.backbone.name)


def writing(claims: Claims, recorder: RunRecorder, name: str) -> AbstractContextManager[None]:
    """Write results of a backbone while no other part of it does; it may have, then."""
    return claims.held(f"{file_name(name)}--cells", recorder.problem, f"writes the cells of {name}")


def counted_cells(store: SliceStore, cells: Sequence[Cell], slices: Iterable[int]) -> list[Cell]:
    """The cells of which these slices have been counted, by whomever."""
    return _counted(store, cells, {number: store.read(number) for number in slices})


def _counted(store: SliceStore, cells: Iterable[Cell], arrays: Mapping[int, Arrays]) -> list[Cell]:
    """The cells that are counted in all of these slices."""
    columns = ((cell, store.column(cell)) for cell in cells)
    return [cell for cell, column in columns if all(column in part for part in arrays.values())]
