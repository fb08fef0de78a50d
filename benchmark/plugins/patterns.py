"""Names that patterns on the command line stand for."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from ...backbones.controls.wrappers import TWIN
from ..auto_shot_names import PREFIX
from .backbone_names import NamingError
from .catalogue import Catalogue


def backbone_names(catalogue: Catalogue) -> tuple[str, ...]:
    """The names that `expand` chooses from: every backbone but families that need a variant, and the twins."""
    records = {name: offer.record for name, offer in catalogue.backbones.items() if offer.record.channels}
    return (*records, *(TWIN + name for name, record in records.items() if record.untrained))


def expand(patterns: Iterable[str], names: Iterable[str], noun: str = "backbone") -> tuple[str, ...]:
    """The names that match any of these patterns (`*`, `?`, `[...]`), in the patterns' order, each once.

    A pattern without a wildcard stands for itself, known or not: `stylegan2:B` is in no list.
    """
    candidates = tuple(names)
    found: dict[str, None] = {}
    for pattern in patterns:
        # No listed name has a slash, so what has one is a path, and a '[' in it is no wildcard.
        literal = "/" in pattern or not any(mark in pattern for mark in "*?[")
        matches = [pattern] if literal else [name for name in candidates if fnmatchcase(name, pattern)]
        if not matches:
            raise NamingError(f"no {noun} matches '{pattern}'; there are {', '.join(candidates) or 'none'}")
        found |= dict.fromkeys(matches)
    return tuple(found)


def expand_heads(patterns: Iterable[str], catalogue: Catalogue) -> tuple[str, ...]:
    """The heads that match any of these patterns; auto-shot takes minutes, so only patterns that begin with it do."""
    found: dict[str, None] = {}
    for pattern in patterns:
        prefix = PREFIX if pattern.startswith(PREFIX) else ""
        found |= dict.fromkeys(expand((pattern,), [prefix + name for name in catalogue.heads], "head"))
    return tuple(found)
