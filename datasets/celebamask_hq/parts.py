"""The parts of CelebAMask-HQ by name, the paper's classes made of them, and what wins where two parts overlap.

Parts are never addressed by number: at least three numberings of the same 19 classes are in circulation.

The published masks overlap: skin goes on under hair and glasses. There are two constructions of one map from them.
`first` is the paper's: the classes stand in a list, and where two of them lie, the one that comes first in it wins;
parts of no class (hat, glasses, earrings, necklace) hide nothing. `painter` is the official one: all parts are painted
one over the other in the order of `PARTS`, and only then merged into classes; so glasses hide eyes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PARTS = (
    "skin",
    "nose",
    "eye_g",
    "l_eye",
    "r_eye",
    "l_brow",
    "r_brow",
    "l_ear",
    "r_ear",
    "mouth",
    "u_lip",
    "l_lip",
    "hair",
    "hat",
    "ear_r",
    "neck_l",
    "neck",
    "cloth",
)
"""The 18 parts in the order in which the data set's own script paints them: a later one covers an earlier one."""
BACKGROUND = "background"
OVERLAPS = ("first", "painter")
"""The constructions of one map from masks that overlap; the first is the paper's."""

Strokes = tuple[tuple[str, int], ...]
"""Parts with their class indices, in the order in which they are painted."""


@dataclass(frozen=True)
class Grouping:
    """Classes made of parts; what belongs to none of them is background."""

    groups: Mapping[str, tuple[str, ...]]
    """The parts of each class, classes in the order of their indices from 1 on."""
    priority: tuple[str, ...]
    """The classes in the list in which the first wins."""
    excluded: frozenset[str] = field(default_factory=frozenset)
    """Classes that are never averaged over."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of their indices."""
        return (BACKGROUND, *self.groups)

    def strokes(self, overlaps: str) -> Strokes:
        """What to paint, and in which order, to get the classes by this construction."""
        index = {part: row for row, parts in enumerate(self.groups.values(), 1) for part in parts}
        if overlaps == "painter":
            return tuple((part, index.get(part, 0)) for part in PARTS)
        # Painted last, the first in the list ends on top.
        return tuple((part, index[part]) for name in reversed(self.priority) for part in self.groups[name])


_FEATURES = {"eyes": ("l_eye", "r_eye"), "mouth": ("l_lip", "u_lip", "mouth"), "nose": ("nose",)}
_OTHERS = {
    "face": ("skin",),
    "clothes": ("cloth",),
    "hair": ("hair",),
    "eyebrows": ("l_brow", "r_brow"),
    "ears": ("l_ear", "r_ear"),
    "neck": ("neck",),
}
_LIST_OF_TEN = ("hair", "eyebrows", "eyes", "mouth", "nose", "face", "ears", "neck", "clothes")
_LEFT_OUT = ("hat", "eye_g", "ear_r", "neck_l")
_LIST_OF_ALL = tuple(part for name in _LIST_OF_TEN for part in (_FEATURES | _OTHERS)[name])

GROUPINGS = {
    "paper10": Grouping(_FEATURES | _OTHERS, _LIST_OF_TEN),
    # The 3-class scores of Table 3 fit its own columns only without the background.
    "paper3": Grouping(_FEATURES, ("eyes", "mouth", "nose"), frozenset({BACKGROUND})),
    "all19": Grouping({part: (part,) for part in PARTS}, _LIST_OF_ALL + _LEFT_OUT),
}
"""The classes of Tables 1 to 3 and 7 in the authors' own lists, and all parts as they are.

For all parts the authors have no list: it is that of the ten classes, and the four parts that it leaves out come last.
"""
