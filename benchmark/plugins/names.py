"""Resolves names on the command line to records.

A backbone is `FAMILY[:VARIANT][@WEIGHTS][WRAPPERS]`, its weights a file, a URL or on the hub (`places.py`), its
wrappers those of `backbones/controls/wrappers.py`, and `random:` before it makes it the untrained twin; a dataset is
`NAME`, `NAME#OPTIONS` or `FAMILY:REST`, a head `NAME`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TypeVar

from ... import UserError, one_line
from ...backbones.backbone import Backbone, BackboneError
from ...backbones.controls.derived import twin, wrap_backbone
from ...backbones.controls.wrappers import NO_POSITION, TWIN, plain_name, split_wrappers
from ...datasets.dataset import Dataset, DatasetError, GeneratorIdentity
from ...heads.head import Head
from ..auto_shot_names import base_head
from ..plan import HEADLESS, INSID3
from ..remote_files import is_url
from ..reporter import Reporter
from .calls import plugin_call
from .catalogue import Catalogue, Offer
from .places import Places, place_in_name, place_of_images, wrapper_here

SEED = 0
"""Seed of every untrained twin."""

_Record = TypeVar("_Record")


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


def find_backbone(catalogue: Catalogue, name: str, places: Places | None = None) -> Offer[Backbone]:
    """The backbone of this name: configured, its untrained twin, wrapped, as the name asks."""
    if name.startswith(INSID3) or name == INSID3[:-1]:
        return find_backbone(catalogue, _read_by_insid3(name), places)
    parts = parse_backbone(name)
    if name == TWIN[:-1] or name.startswith(TWIN):
        _check_twin(name, name[len(TWIN) :])
    offer = _look_up(catalogue.backbones, "backbone", parts.family)
    record, plain = offer.record, parts.family + parts.details
    if parts.details:
        configure = _variants_of(record.configure, parts.family, parts.details)
        place = place_in_name(record, parts.weights, places)
        with _fetched_file(record, parts.weights, place.path):
            record = _configured(lambda: configure(parts.variant, place.path), plain, offer.provider)
        # A family that forgets to tell its variants apart would put two of them under one name.
        record = replace(record, name=plain, origin=place.origin or record.origin)
    if parts.twin and record.untrained is None:
        raise NamingError(f"'{plain}' has no untrained twin; leave out '{name}'")
    record = twin(record, SEED) if parts.twin else record
    wrapped = wrap_backbone(record, tuple(wrapper_here(wrapper, places) for wrapper in parts.wrappers))
    return replace(offer, record=replace(wrapped, name=record.name + "".join(parts.wrappers)))


@contextmanager
def _fetched_file(family: Backbone, weights: str, path: str) -> Iterator[None]:
    """Say of what cannot be read that it was fetched, since it is kept: a server may have cut it short."""
    try:
        yield
    except BackboneError as error:
        if not is_url(weights) or family.companions:
            raise
        raise BackboneError(f"{error}. It is what {weights} gave; to have it fetched again, delete {path}") from error


def _check_twin(name: str, trained: str) -> None:
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


def _read_by_insid3(name: str) -> str:
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


def find_head(catalogue: Catalogue, name: str) -> Offer[Head]:
    """The head of this name; of auto-shot the one that labels its samples."""
    return _look_up(catalogue.heads, "head", base_head(name))


def find_reporter(catalogue: Catalogue, name: str) -> Offer[Reporter]:
    """The reporter of this name."""
    return _look_up(catalogue.reporters, "reporter", name)


def find_dataset(catalogue: Catalogue, name: str) -> Offer[Dataset]:
    """The dataset of this name; what follows the first ':' or '#' is the family's own business (a path, or a URL).

    Shots alone are joined to the test and unlabelled images of the dataset that they are for.
    """
    offer = _named_dataset(catalogue, name)
    record = offer.record
    if record.beside is None:
        return offer
    if not record.like:
        raise NamingError(f"'{name}' has shots alone; export it again with --like DATASET, as --like faces")
    base = _named_dataset(catalogue, record.like).record
    if base.beside is not None:
        raise NamingError(f"'{name}' is for '{record.like}', which has shots alone too; export it for another dataset")
    return replace(offer, record=_called(record.beside(base), name))


def family_of(name: str) -> str:
    """The word before the first ':' or '#' of a dataset's name."""
    return re.split("[:#]", name, maxsplit=1)[0]


def _named_dataset(catalogue: Catalogue, name: str) -> Offer[Dataset]:
    family, mark, rest = re.match(r"([^:#]*)(:?)(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    offer = _look_up(catalogue.datasets, "dataset", family)
    record = offer.record
    if not rest and record.classes:
        return offer
    # A family without classes of its own, as `folder`, says itself what it misses.
    configure = _variants_of(record.configure, family, mark + rest)
    where = place_of_images(rest).path if mark else rest
    return replace(offer, record=_called(_configured(lambda: configure(where), name, offer.provider), name))


def _called(record: Dataset, name: str) -> Dataset:
    """A dataset under the name that was asked for, with any fit."""
    refit = record.refit
    return replace(record, name=name, refit=refit and (lambda fit: _called(refit(fit), name)))


def made_by(backbone: Backbone, weights: str | None, maker: GeneratorIdentity) -> bool:
    """Whether this backbone is the generator that made images; variants that read the same weights are."""
    if weights is None or weights != maker.weights:
        return weights == maker.weights and plain_name(backbone.name) == maker.backbone
    ours, theirs = parse_backbone(backbone.name), parse_backbone(maker.backbone)
    return (ours.family, ours.twin) == (theirs.family, theirs.twin)


def _look_up(shelf: Mapping[str, Offer[_Record]], noun: str, name: str) -> Offer[_Record]:
    if name in shelf:
        return shelf[name]
    close = get_close_matches(name, shelf, 1)
    hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(shelf) or 'none'}"
    raise NamingError(f"no {noun} is called '{name}'; {hint}")


_Configure = TypeVar("_Configure", bound=Callable[..., object])


def _variants_of(configure: _Configure | None, family: str, details: str) -> _Configure:
    if configure is None:
        raise NamingError(f"'{family}' has no variants; leave out '{details}'")
    return configure


def _configured(configure: Callable[[], _Record], name: str, provider: str) -> _Record:
    try:
        with plugin_call(provider):
            return configure()
    except (BackboneError, DatasetError):
        raise
    except Exception as error:
        reason = one_line(error)
        raise NamingError(f"{provider} cannot give '{name}' ({reason}); see that its parts exist") from error
