"""What the masks that were looked at hold: whether an ignored value that nobody declared hides a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..dataset import IGNORE, DatasetError
from ..files.hints import enumeration
from ..files.masks import Labels
from .labelling import Labelling


class ValueTally:
    """Counts of the pixels of masks, of those that are 255, and of classes seen; each mask counts once."""

    def __init__(self, labelling: Labelling) -> None:
        self._labelling = labelling
        self._masks: dict[Path, tuple[int, int, frozenset[int]]] = {}

    def add(self, mask: Path, labels: Labels, indices: Labels) -> None:
        """Count a mask file's values (height, width), and the classes or `IGNORE` that they stand for."""
        seen = frozenset(np.unique(indices).tolist()) - {IGNORE}
        self._masks[mask] = (labels.size, int((labels == IGNORE).sum()), seen)

    def remarks(self) -> tuple[str, ...]:
        """A sentence where 255 is ignored though nobody said so; a `DatasetError` where it leaves a single class."""
        holding = [ignored for _, ignored, _ in self._masks.values() if ignored]
        if self._labelling.declared or not holding:
            return ()
        seen = frozenset[int]().union(*(classes for _, _, classes in self._masks.values()))
        unseen = [f"'{name}'" for index, name in enumerate(self._labelling.classes) if index not in seen]
        share = sum(holding) / sum(pixels for pixels, _, _ in self._masks.values())
        fact = f"255 is ignored, {share:.1%} of the pixels, in {len(holding)} of {len(self._masks)} masks"
        fact += f", and no mask shows {enumeration(unseen)}" if unseen else ""
        mend = 'classes.json does not say what 255 is: write "ignore_index": 255 there'
        mend += ", or save the class under its own number" if unseen else ""
        if len(seen) < 2 <= len(self._labelling.classes):
            raise DatasetError(f"{fact}; {mend}")
        return (f"{fact}; {mend}",)
