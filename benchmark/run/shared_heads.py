"""The heads of a backbone whose test slices several workers have: each is trained by one of them, and read by all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..plan import Cell, file_name
from .backbone_run import BackboneRun
from .claims import LONG, Claims
from .head_files import StoredHead
from .shot_features import ShotMaps
from .turns import PAUSE

HEADS = "heads-draw-"
"""In the name of a claim on the training of a head."""


@dataclass(frozen=True)
class SharedHeads:
    """Trains heads together with the other parts of a group."""

    run: BackboneRun
    shots: ShotMaps
    claims: Claims
    failed: Callable[[Cell], bool]
    """Whether a cell has failed, be it elsewhere."""
    part: tuple[int, int]

    def fit(self, cells: Sequence[Cell], meanwhile: Iterator[bool]) -> dict[Cell, StoredHead]:
        """The heads of few-shot cells; while others train what is left, something else is gone on with."""
        heads, todo, waits = dict[Cell, StoredHead](), self._shares(cells), 0.0
        while todo:
            for share in tuple(todo):
                if (found := self._turn(share)) is not None:
                    heads |= found
                    todo.remove(share)
                    waits = 0.0
            if todo and not next(meanwhile, False):
                waits += self._wait(todo, waits)
        return heads

    def _shares(self, cells: Sequence[Cell]) -> list[list[Cell]]:
        """What one part trains at a time: the cells of a head, of as many draws as are a part's.

        Each part begins at another, and comes last to what ended a program.
        """
        number, parts = self.part
        draws = sorted({cell.draw for cell in cells})
        bounds = [len(draws) * part // parts for part in range(parts + 1)]
        chunks = [draws[start:end] for start, end in pairwise(bounds) if end > start]
        heads = dict.fromkeys(cell.head for cell in cells)
        shares = [
            [cell for cell in cells if cell.head == head and cell.draw in some] for some in chunks for head in heads
        ]
        first = len(shares) * (number - 1) // parts
        return sorted(shares[first:] + shares[:first], key=lambda share: self.claims.died(*_claims(share)))

    def _turn(self, share: Sequence[Cell]) -> dict[Cell, StoredHead] | None:
        """The heads of some cells, or of those that can be trained; None while another trains them."""
        if (found := self._there(share)) is not None:
            return found
        if (claim := self.claims.take(*_claims(share))) is None:
            return None
        try:
            left = [cell for cell in share if not self.failed(cell)]
            return self.run.fit(left, self.shots, left)
        finally:
            self.claims.release(claim)

    def _there(self, share: Sequence[Cell]) -> dict[Cell, StoredHead] | None:
        """The heads, if all are trained that can be."""
        store, left = self.run.head_store, [cell for cell in share if not self.failed(cell)]
        if not all(store.file(cell).exists() for cell in left):
            return None
        heads = {cell: head for cell in left if (head := store.load(cell)) is not None}
        if len(heads) < len(left):
            return None
        for cell in share:
            self.run.report_unit(cell.slug)
        return heads

    def _wait(self, todo: Iterable[Sequence[Cell]], waited: float) -> float:
        """Wait a moment for what others train, and say so where it takes longer; the seconds."""
        if waited > LONG and (holder := self.claims.holder(*(name for share in todo for name in _claims(share)))):
            what = f"heads of {self.run.backbone.name} are trained by another worker ({holder})"
            self.run.recorder.problem(f"{what}; {self.run.group.name} waits for them")
        time.sleep(PAUSE)
        return PAUSE


def _claims(share: Sequence[Cell]) -> list[str]:
    """The names that the training of some heads is claimed by: of one backbone the same, however it is cut."""
    names = (f"{file_name(cell.backbone)}--{file_name(cell.head)}--{HEADS}{cell.draw}" for cell in share)
    return list(dict.fromkeys(names))
