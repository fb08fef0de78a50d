"""Resolves names on the command line to records.

A backbone is what `backbone_names.py` says, a dataset `NAME`, `NAME#OPTIONS` or `FAMILY:REST`, a head `NAME`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from difflib import get_close_matches
from typing import TypeVar

from ... import one_line
from ...backbones.backbone import Backbone, BackboneError
from ...backbones.controls.derived import twin, wrap_backbone
from ...backbones.controls.wrappers import TWIN, plain_name
from ...datasets.dataset import Dataset, DatasetError, GeneratorIdentity
from ...heads.head import Head
from ..auto_shot_names import base_head
from ..plan import INSID3
from ..remote_files import is_url
from ..reporter import Reporter
from .backbone_names import (
    NamingError,
    check_marks,
    check_size,
    check_twin,
    check_wrapped,
    parse_backbone,
    read_by_insid3,
)
from .calls import plugin_call
from .catalogue import Catalogue, Offer
from .places import Places, place_in_name, place_of_images, wrapper_here

SEED = 0
"""Seed of every untrained twin."""

_Record = TypeVar("_Record")


def find_backbone(catalogue: Catalogue, name: str, places: Places | None = None) -> Offer[Backbone]:
    """The backbone of this name: configured, its untrained twin, wrapped, as the name asks."""
    if name.startswith(INSID3) or name == INSID3[:-1]:
        return find_backbone(catalogue, read_by_insid3(name), places)
    parts = parse_backbone(name)
    if name == TWIN[:-1] or name.startswith(TWIN):
        check_twin(name, name[len(TWIN) :])
    check_marks(name, parts)
    check_wrapped(name, parts, catalogue)
    offer = _look_up(catalogue.backbones, "backbone", parts.family)
    record, plain = offer.record, parts.family + parts.details
    if parts.details:
        configure = _variants_of(record.configure, parts.family, parts.details)
        place = place_in_name(record, parts.weights, places)
        with _fetched_file(record, parts.weights, place.path):
            record = _configured(lambda: configure(parts.variant, place.path), plain, offer.provider)
            if parts.variant.isdecimal():
                check_size(plain, record, lambda: configure("", place.path))
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
    if name.endswith("#"):
        raise NamingError(f"'{name}' has a '#' with nothing behind it; leave it out, or name a grouping")
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
