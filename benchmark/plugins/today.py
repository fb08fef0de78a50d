"""`--preset today`: the backbones that a reader of today compares, as far as they are on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..plan import COPY
from .calls import plugin_call
from .catalogue import Catalogue
from .patterns import backbone_names

TODAY = "today"
TWIN = "random:stylegan2"
"""The untrained network of a run that names none."""


@dataclass(frozen=True)
class Today:
    """What there is."""

    here: tuple[str, ...]
    """Members of families whose weights are on this machine."""
    missing: tuple[str, ...]
    """The others."""


def default_backbones(catalogue: Catalogue) -> tuple[str, ...]:
    """The backbones of a run that names none: what is on every machine, and the controls."""
    listed = [name for name, offer in catalogue.backbones.items() if offer.record.by_default]
    return (*listed, COPY, *(name for name in backbone_names(catalogue) if name == TWIN))


def find_today(catalogue: Catalogue) -> Today:
    """What the families of this catalogue say of their members."""
    members = dict(_members(catalogue))
    return Today(*(tuple(name for name, here in members.items() if here is wanted) for wanted in (True, False)))


def _members(catalogue: Catalogue) -> Iterator[tuple[str, bool]]:
    for name, offer in catalogue.backbones.items():
        if offer.record.members:
            with plugin_call(name):
                yield from [(str(row["name"]), bool(row["here"])) for row in offer.record.members()]
