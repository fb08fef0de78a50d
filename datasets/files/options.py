"""Parses the options of a dataset on disk: `PATH`, or `PATH#OPTION,OPTION`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..dataset import DatasetError
from .hints import hint

Choices = Mapping[str, Sequence[str]]
"""The options by what they decide (`overlaps`); the first of each holds where none is named."""


def split_spec(spec: str) -> tuple[Path, str]:
    """The path, and what follows its last `#`."""
    # A folder may have a # in its own name.
    whole = Path(spec).expanduser()
    if "#" not in spec or whole.is_dir():
        return whole, ""
    path, options = spec.rsplit("#", 1)
    return Path(path).expanduser(), options


def read_options(family: str, options: str, choices: Choices) -> dict[str, str]:
    """One option of each choice: the one that is named, else the first."""
    chosen: dict[str, str] = {}
    for word in filter(None, (word.strip() for word in options.split(","))):
        choice = next((choice for choice, words in choices.items() if word in words), None)
        if choice is None:
            offered = [word for words in choices.values() for word in words]
            raise DatasetError(f"{family} has no option '{word}': {hint(word, offered)}")
        if choice in chosen:
            both = f"'{chosen[choice]}' and '{word}'"
            raise DatasetError(f"{family} gets {both}, and each decides about {choice}; take one of them out")
        chosen[choice] = word
    return {choice: chosen.get(choice, words[0]) for choice, words in choices.items()}
