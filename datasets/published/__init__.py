"""Published image sets: where each is had, under which licence, and how it is laid out for partbench.

Nothing of them is here. What is said of a licence was read where `read` says, and is no legal advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Download:
    """One archive of a set."""

    what: str
    url: str
    size: str = ""
    """As its page says; empty where it does not."""
    direct: bool = False
    """Whether the address is of a file that can be checked, so that partbench downloads it when asked to."""
    sha256: str = ""
    """Of the file, as its publisher gives it."""


@dataclass(frozen=True)
class PublishedSet:
    """A published set of images."""

    name: str
    title: str
    licence: str
    read: str
    """Where the licence was read."""
    downloads: tuple[Download, ...]
    places: tuple[str, ...] = ()
    """Files and folders that are laid out, by their paths in the result; the archives may have them deeper."""
    optional: tuple[str, ...] = ()
    """The same of what need not be there."""
    found_as: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What a place is called in the archives, where that is another path."""
    patterns: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)
    """Names of files, as regular expressions, whose place and name there are others."""
    writes: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What is written beside them, by name."""
    dataset: str = ""
    """As `--dataset` takes it, with `{}` for the folder; empty where partbench reads no such layout."""
    note: str = ""
    content: str = ""
    """Digest of all files that are laid out, where it is known; see `content_digest`."""
