"""What annotation files hold: masks, and a word on all that was left out, clipped or taken for something else."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..files.hints import enumeration
from ..files.masks import Labels
from ..files.rasters import Mask

EMPTY = "shapes that cover 0 pixels of their image, left out"
CLIPPED = "shapes that reach beyond their image, clipped"
BOXES = "boxes without an outline, taken for filled rectangles"
NAMED = "images known by name and size alone, as their annotations do not say on which picture they were drawn"


@dataclass(frozen=True)
class DrawnShape:
    """A shape as a tool has written it."""

    label: int
    """A class index, or `IGNORE`."""
    mask: Mask
    """Its pixels (height, width) of the image."""
    name: str
    """What it is called in a sentence."""
    clipped: bool = False
    """Whether some of it lies outside the image."""
    box: bool = False
    """Whether nothing but its bounding box is known."""


@dataclass
class FoundAnnotations:
    """Masks by the name of their image, and what is to be said of them."""

    masks: dict[str, Labels] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    """By what happened (`EMPTY`, `CLIPPED`), to whom."""

    def note(self, what: str, whom: str) -> None:
        """Keep what happened to a shape or a mask."""
        self.notes.setdefault(what, []).append(whom)

    def note_shape(self, shape: DrawnShape) -> None:
        """Keep what is to be said of a shape."""
        if not shape.mask.any():
            self.note(EMPTY, shape.name)
        elif shape.clipped:
            self.note(CLIPPED, shape.name)
        if shape.box:
            self.note(BOXES, shape.name)

    def said(self) -> list[str]:
        """The notes, each a line with its count."""
        return [f"{what}: {len(whom)} ({enumeration(whom)})" for what, whom in self.notes.items()]
