"""What a record is at this moment: who offers it, with which weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...backbones.backbone import Backbone
from .catalogue import Offer
from .run_signoffs import NOUNS, note
from .signoff import Subject


def note_offers(run: Path, *shelves: Mapping[str, Offer[Any]]) -> None:
    """Note what a run crosses: backbones, heads and data, by their names."""
    crossed = [{name: subject_of(offer) for name, offer in shelf.items()} for shelf in shelves]
    note(run, dict(zip(NOUNS, crossed, strict=True)))


def subject_of(offer: Offer[Any]) -> Subject:
    """What a sign-off of an offer is of; reads its weights, for their hash."""
    from ..files import weights_hash

    return Subject(offer.provider, weights_hash(offer.record.weights) if isinstance(offer.record, Backbone) else None)
