"""Hints in error messages: nearest names and lists."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def hint(word: str, choices: Iterable[str]) -> str:
    """The end of a sentence about an unknown word: the nearest known one, or all of them."""
    names = list(choices)
    return f"there are {enumeration(names, most=40)}; {did_you_mean(word, names) or 'take one of these'}"


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A question about the known word nearest to an unknown one, or nothing where none is near."""
    close = difflib.get_close_matches(word, list(choices), n=1)
    return f"did you mean '{close[0]}'?" if close else ""


def enumeration(items: Iterable[object], most: int = 3) -> str:
    """The first few items in words: `a, b, c and 4 more`."""
    words = [str(item) for item in items]
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
