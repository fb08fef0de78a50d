"""The side of its images that the name of a backbone says, as `lite0:256` and `timm:resnet18,96`."""

from __future__ import annotations

import re

from .backbone import BackboneError

SMALLEST, LARGEST = 32, 4096
"""Sides of images that are read, pixels: a network that halves its maps five times leaves one cell of the smallest."""


def side_in(word: str, name: str, smallest: int = SMALLEST) -> int | None:
    """The side that a word of this name says, pixels; None of a word that is no number.

    A side that nothing is to be seen at is refused, and so is another spelling of one: each name is a row of its own.
    """
    if not word.isdecimal():
        return None
    side = plain_number(word)
    if side is None or not smallest <= side <= LARGEST:
        meant = plain_number(word.lstrip("0")) or 0
        mend = str(meant) if smallest <= meant <= LARGEST else f"a size from {smallest} to {LARGEST}"
        raise BackboneError(f"{name} reads no images of {word} pixels; write {mend}")
    return side


def plain_number(word: str) -> int | None:
    """The number that a word is, written as numbers are; None of `007`, and of any that is not of this world."""
    return int(word) if re.fullmatch("0|[1-9][0-9]{0,5}", word) else None
