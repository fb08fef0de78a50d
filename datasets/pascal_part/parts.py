"""The classes of Tables 4 and 5, made of the parts of PASCAL-Part by patterns of their names.

The published masks overlap: windows and plates lie inside doors and sides, eyes inside heads. The parts are therefore
painted from the coarse to the fine; in the order of the files, the side of a car would cover its plate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..dataset import IGNORE, DatasetError
from ..files.hints import enumeration

BACKGROUND = "background"
MIRRORS = {"mirrors-body": "body", "mirrors-background": BACKGROUND, "mirrors-ignored": "ignored"}
"""The class that the mirrors of a car belong to, by option."""

Strokes = tuple[tuple[str, int], ...]
"""Patterns of part names with their class indices, in the order in which they are painted."""


@dataclass(frozen=True)
class Kind:
    """A class of PASCAL-Part and its part classes."""

    name: str
    classes: tuple[str, ...]
    """Class names in the order of their indices."""
    parts: tuple[tuple[str, str], ...]
    """Patterns of part names and the classes they belong to, the coarse before the fine."""
    smallest: int
    """A box with a side below this many pixels is discarded (supplement C)."""
    mirrors: str = ""
    """Pattern of the parts whose class is an option."""

    def strokes(self, mirrors: str = "") -> Strokes:
        """What to paint, and in which order; `mirrors` is one of `MIRRORS`."""
        last = ((self.mirrors, MIRRORS[mirrors]),) if self.mirrors else ()
        indices = {name: index for index, name in enumerate(self.classes)} | {"ignored": IGNORE}
        return tuple((pattern, indices[name]) for pattern, name in (*self.parts, *last))


def order(strokes: Strokes, names: Sequence[str], where: str) -> list[tuple[str, int]]:
    """These parts with their class indices, in the order in which they are painted."""
    matches = [(name, index) for pattern, index in strokes for name in names if fnmatchcase(name, pattern)]
    unknown = sorted(set(names) - {name for name, _ in matches})
    if unknown:
        fact = f"{where} has parts that belong to no class ({enumeration(unknown)})"
        raise DatasetError(f"{fact}; unpack it again, or rename them")
    return matches


CAR = Kind(
    "car",
    (BACKGROUND, "body", "plate", "light", "wheel", "window"),
    (
        ("*side", "body"),
        ("door_*", "body"),
        ("window_*", "window"),
        ("wheel_*", "wheel"),
        ("headlight_*", "light"),
        ("[fb]liplate", "plate"),
    ),
    smallest=50,
    mirrors="*mirror",
)
HORSE = Kind(
    "horse",
    (BACKGROUND, "head", "neck+torso", "legs", "tail"),
    (
        ("torso", "neck+torso"),
        ("neck", "neck+torso"),
        ("tail", "tail"),
        ("[lr][fb][ul]leg", "legs"),
        ("[lr][fb]ho", "legs"),
        ("head", "head"),
        ("muzzle", "head"),
        ("[lr]ear", "head"),
        ("[lr]eye", "head"),
    ),
    smallest=32,
)
KINDS = {"car": CAR, "horse": HORSE}
"""What the paper scores, by name."""
