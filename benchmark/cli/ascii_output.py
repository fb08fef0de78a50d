"""What a terminal cannot show, spelt in letters that it can."""

from __future__ import annotations

import codecs
import io
import sys

SPELT = {"±": "+-", "×": "x", "−": "-", "…": "...", "–": "-", "→": "->", "·": "."}
"""Signs of ours, in ASCII; any other letter is shown by its number."""


def spell(error: UnicodeError) -> tuple[str, int]:
    """The letters that could not be encoded in others, and where to go on: an error handler of codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(SPELT.get(letter) or _number(letter) for letter in letters), error.end


def _number(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode()


def spell_out() -> None:
    """Let what is printed never fail for want of a letter."""
    codecs.register_error("partbench.spelling", spell)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="partbench.spelling")
