"""Names of heads that ask for auto-shot: `auto-shot:HEAD[,one-hot][,images=N]`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .. import UserError
from .plan import Cell

PREFIX = "auto-shot:"
ONE_HOT, IMAGES = "one-hot", "images="


class AutoShotError(UserError):
    """An invalid auto-shot name, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class AutoShotName:
    """The parts of `auto-shot:HEAD[,one-hot][,images=N]`."""

    head: str
    """The head that labels the samples."""
    one_hot: bool = False
    """Whether a label is the likeliest class instead of all logits (Table B)."""
    images: int | None = None
    """Samples, where the name says how many."""


def is_auto_shot(name: str) -> bool:
    """Whether a head's name asks for auto-shot."""
    return name.startswith(PREFIX)


def parse_auto_shot(name: str) -> AutoShotName | None:
    """The parts of a head's name that asks for auto-shot; None of any other."""
    if not is_auto_shot(name):
        return None
    head, *words = name.removeprefix(PREFIX).split(",")
    if not head:
        raise AutoShotError(f"{name!r} does not say which head labels the samples; name it, as {PREFIX}cnn-l")
    images = None
    for word in words:
        number = word.removeprefix(IMAGES)
        if word.startswith(IMAGES) and number.isdecimal() and int(number):
            images = int(number)
        elif word != ONE_HOT:
            options = f"{ONE_HOT} and {IMAGES}N with N above 0"
            raise AutoShotError(f"auto-shot has no option {word!r}; after the head it takes {options}")
    return AutoShotName(head, ONE_HOT in words, images)


def base_head(name: str) -> str:
    """The head that learns from the shots: of auto-shot the one that labels its samples, of any other itself."""
    auto = parse_auto_shot(name)
    return auto.head if auto else name


def base_cell(cell: Cell) -> Cell:
    """The few-shot cell whose head a cell needs: of auto-shot the one that labels its samples, of any other itself."""
    return replace(cell, head=base_head(cell.head))
