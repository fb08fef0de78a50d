"""What is fetched, as a line on the terminal that is written over while it grows, and gone when it is whole."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

from ..file_cache import OUTLET

EVERY = 0.2
"""Seconds between two looks at it."""
MB = 10**6


@dataclass
class FetchLine:
    """The line of one fetch after another."""

    last: float = 0.0
    shown: int = 0
    """Letters of it."""
    told: set[str] = field(default_factory=set)

    def tell(self, sentence: str) -> None:
        """Print what stays, once."""
        if sentence not in self.told:
            self.told.add(sentence)
            self._write("")
            print(sentence, file=sys.stderr)

    def progress(self, what: str, done: int, whole: int) -> None:
        """Show how far it is; on no terminal nothing is shown."""
        over, now = done >= whole > 0, time.monotonic()
        if not sys.stderr.isatty() or (now - self.last < EVERY and not over):
            return
        self.last = now
        of = f" of {whole / MB:,.1f}" if whole else ""
        self._write("" if over else f"fetching {what}: {done / MB:,.1f}{of} MB"[-200:])

    def _write(self, text: str) -> None:
        if text or self.shown:
            print("\r" + text.ljust(self.shown) + "\r" * (not text), end="", file=sys.stderr, flush=True)
        self.shown = len(text)


def show_fetches() -> None:
    """Have this process say what it fetches."""
    line = FetchLine()
    OUTLET.tell, OUTLET.progress = line.tell, line.progress
