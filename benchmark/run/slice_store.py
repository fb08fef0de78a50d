"""Keeps what was counted in slices of the test images until all cells are scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..files import UNREADABLE
from ..plan import Cell
from ..results import arrays_of, as_npz
from ..sealed_files import read_sealed, set_aside, write_sealed
from .recorder import RunRecorder

OF_PARTS = "slice-*-of-*.npz"
"""Files of slices that parts of a group have counted: nobody need be at work with them until the last has."""
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class SliceStore:
    """The slices of one backbone."""

    recorder: RunRecorder
    work: Path
    draws: tuple[int, ...]
    """Of the cells that are counted here."""
    parts: int = 1
    """How many have slices of a group between them."""

    def column(self, cell: Cell) -> str:
        """The name of a cell's confusions in a slice: other code of a head makes others."""
        return f"{cell.slug} {self.recorder.makers.head_code(cell.head)}"

    def read(self, number: int) -> Arrays:
        """What was counted in a slice, of all draws; nothing of a file that, which is said, cannot be used."""
        arrays: dict[str, NDArray[Any]] = {}
        for file in sorted(self.work.glob(f"slice-{number:05d}-*.npz")):
            try:
                arrays |= arrays_of(read_sealed(file, self.recorder.origin(file)))
            except UNREADABLE as error:
                self.recorder.problem(set_aside(file, error))
        return arrays

    def write(self, number: int, arrays: Arrays) -> None:
        """Keep it."""
        write_sealed(self._file(number), as_npz(arrays), self.recorder.origin(self._file(number)))

    def _file(self, number: int) -> Path:
        """Groups with other draws of the same backbone have other files."""
        of = f"-of-{self.parts}" if self.parts > 1 else ""
        return self.work / f"slice-{number:05d}-draws-{'.'.join(map(str, self.draws))}{of}.npz"
