"""The parts of a backbone's name, and what no name of a backbone is.

`FAMILY[:VARIANT][@WEIGHTS][WRAPPERS]`, its weights a file, a URL or on the hub (`places.py`), its wrappers those of
`backbones/controls/wrappers.py`, and `random:` before it makes it the untrained twin. Every name is a row of its own,
so that two of one backbone are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ... import UserError
from ...backbones.backbone import Backbone, BackboneError
from ...backbones.controls.wrappers import NO_POSITION, SPELLED, TWIN, plain_name, split_wrappers
from ..plan import HEADLESS, INSID3
from .catalogue import Catalogue


class NamingError(UserError):
    """An unknown name, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class BackboneName:
    """The parts of `[random:]FAMILY[:VARIANT][@WEIGHTS][WRAPPERS]`."""

    family: str
    variant: str = ""
    weights: str = ""
    twin: bool = False
    wrappers: tuple[str, ...] = ()
    """As `-position` and `+position`, from the innermost outwards."""

    @property
    def details(self) -> str:
        """What follows the family: `:VARIANT@WEIGHTS`."""
        return (f":{self.variant}" if self.variant else "") + (f"@{self.weights}" if self.weights else "")


def parse_backbone(name: str) -> BackboneName:
    """The parts of a backbone's name; a ':' or '+' in the path of the weights is part of the path."""
    plain, wrappers = split_wrappers(name)
    before, _, weights = plain.removeprefix(TWIN).partition("@")
    family, _, variant = before.partition(":")
    return BackboneName(family, variant, weights, name.startswith(TWIN), wrappers)


def check_marks(name: str, parts: BackboneName) -> None:
    """Refuse a mark with nothing behind it, which would make a second row of the same backbone."""
    meant = TWIN * parts.twin + parts.family + parts.details
    if split_wrappers(name)[0] != meant:
        raise NamingError(f"'{name}' has a ':' or '@' with nothing behind it; write {meant + ''.join(parts.wrappers)}")


def check_wrapped(name: str, parts: BackboneName, catalogue: Catalogue) -> None:
    """Refuse what no wrapper is called, and wrappers of what has no maps."""
    if parts.wrappers and parts.family in HEADLESS:
        raise NamingError(f"'{parts.family}' has no maps that could be wrapped; leave out '{''.join(parts.wrappers)}'")
    known, mark, rest = re.match(r"([^+]*?)([+]|-(?=position)|$)(.*)", parts.family, re.DOTALL).groups()  # type: ignore[union-attr]
    if mark and known in catalogue.backbones and parts.family not in catalogue.backbones:
        raise NamingError(f"'{name}': nothing is wrapped by '{mark}{rest}'; there are {SPELLED}, in this order")


def check_twin(name: str, trained: str) -> None:
    """Refuse the twin of what is no network that could be untrained."""
    if not trained:
        raise NamingError(f"'{name}' is the untrained twin of a backbone; say of which, as {TWIN}NAME")
    if f"{trained}:".startswith(INSID3):
        inner = trained[len(INSID3) :].removeprefix(TWIN) or "NAME"
        raise NamingError(f"'{name}' has its parts in another order; write {INSID3}{TWIN}{inner}")
    if trained.startswith(TWIN):
        raise NamingError(f"'{name}' is untrained twice; write {trained}")
    if plain_name(trained) in HEADLESS:
        raise NamingError(f"'{trained}' has no network that could be untrained; leave out '{name}'")


def check_size(name: str, record: Backbone, usual: Callable[[], Backbone]) -> None:
    """Refuse a size that a backbone has anyway, for the same reason."""
    with suppress(BackboneError):  # of what has no usual size
        if usual().size == record.size:
            short = name.replace(f":{record.size}", "", 1)
            raise NamingError(f"'{name}' is '{short}', whose images have {record.size} pixels; write {short}")


def read_by_insid3(name: str) -> str:
    """The backbone whose last map `insid3:NAME` reads."""
    inner = name[len(INSID3) :]
    if not inner:
        raise NamingError(f"'{name}' reads the last map of a backbone; say of which, as {INSID3}NAME")
    plain = plain_name(inner).removeprefix(TWIN)
    if plain.startswith(INSID3) or plain in HEADLESS:
        raise NamingError(f"'{name}' has no map to read; name a backbone, as {INSID3}vae or {INSID3}random:vae")
    wrong = [wrapper for wrapper in split_wrappers(inner)[1] if not wrapper.startswith(NO_POSITION)]
    if wrong:
        raise NamingError(f"'{name}' reads a map as the network gives it; leave out '{wrong[0]}'")
    return inner
