"""What an episode is, and how it is drawn: as Matcher draws it, from numpy's old generator with the seed 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..dataset import DatasetError

if TYPE_CHECKING:
    import numpy as np

Item = TypeVar("Item")
Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels; the last two are the first that lie outside."""

SEED = 0
MOST = 2500
"""Episodes of a fold, at most."""
TRIES = 10_000
"""After so many draws that fit nothing, the annotations cannot be those of the benchmark."""


@dataclass(frozen=True)
class PartCrop:
    """One part of one object, in the box of that object."""

    image: Path
    annotation: Path
    box: Box
    outlines: tuple[Mapping[str, Any] | Sequence[Sequence[float]], ...]
    """COCO's run lengths `{"size": [h, w], "counts": str or list}` or polygons, of which the part is the union."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in the box."""
        left, top, right, bottom = self.box
        return right <= left or bottom <= top


@dataclass(frozen=True)
class Episode:
    """Find the part in the query; how it looks is shown in the support."""

    part: int
    """Class index, from 1 on."""
    support: PartCrop
    query: PartCrop


def generator() -> np.random.RandomState:
    """The generator of the published episodes."""
    import numpy as np

    return np.random.RandomState(SEED)


def choose(random: np.random.RandomState, items: Sequence[Item]) -> Item:
    """One of some things; takes from the generator what `choice(items, 1, replace=False)` does."""
    return items[int(random.choice(len(items), 1, replace=False)[0])]


def hopeless(where: Path, part: str) -> DatasetError:
    """The error for annotations in which no two images show a part."""
    fact = f"{TRIES:,} draws from {where} found no two images that show {part}"
    return DatasetError(f"{fact}; unpack the annotations of Matcher again")
