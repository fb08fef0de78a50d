"""Backbones made from another backbone: its untrained twin, and itself with the coordinates appended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ..backbone import Backbone, BackboneError, Extractor
from . import CHANNELS

TWIN, POSITION = "random:", "+position"
"""What stands before the name of a twin, and behind one with coordinates."""


def twin(backbone: Backbone, seed: int) -> Backbone:
    """The same network before any training: the control `random:NAME`."""
    if backbone.untrained is None:
        raise BackboneError(f"{backbone.name} has no untrained twin; give its record `untrained`, or ask for another")
    return replace(
        backbone,
        name=TWIN + backbone.name,
        load=partial(backbone.untrained, seed),
        summary=f"control: {backbone.name} before any training",
        untrained=None,
        configure=None,
        trainer=None,
        weights=None,
        origin="",
        learnt=False,
    )


def with_position(backbone: Backbone) -> Backbone:
    """The backbone `NAME+position`: its own maps, and the coordinates (N, 20, S, S) after them."""
    untrained = backbone.untrained
    return replace(
        backbone,
        name=backbone.name + POSITION,
        channels=(*backbone.channels, CHANNELS),
        load=partial(_append, backbone.load, backbone.size),
        summary=f"{backbone.summary}, with coordinates",
        untrained=untrained and partial(_append, untrained, backbone.size),
        configure=None,
        trainer=None,
    )


def _append(load: Callable[..., Extractor], size: int, *seed: int) -> Extractor:
    # torch comes in here, so that naming a backbone stays quick.
    from .appended import append_position

    return append_position(load(*seed), size)
