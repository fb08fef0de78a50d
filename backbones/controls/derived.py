"""Backbones made from another backbone: its untrained twin, and itself with its maps changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..anyup import find_weights
from ..backbone import Backbone, BackboneError, Extractor
from . import CHANNELS
from .wrappers import ANYUP, NO_POSITION, ORDER, POSITION, TWIN

DIRECTIONS = 500
"""That `-position` projects out, as INSID3 does to segment; for keypoints it takes 20, which is `-position20`."""


def wrap_backbone(backbone: Backbone, wrappers: tuple[str, ...]) -> Backbone:
    """The backbone with these wrappers around it, the first innermost."""
    kinds = [kind for wrapper in wrappers for kind in ORDER if wrapper.startswith(kind)]
    if kinds != [kind for kind in ORDER if kind in kinds]:
        asked, order = backbone.name + "".join(wrappers), " before ".join(ORDER)
        raise BackboneError(f"{asked} has its wrappers twice or in another order; write each once, {order}")
    for kind, wrapper in zip(kinds, wrappers, strict=True):
        backbone = MAKERS[kind](backbone, wrapper.removeprefix(kind))
    return backbone


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
        licence="",
        learnt=False,
    )


def with_position(backbone: Backbone, _: str = "") -> Backbone:
    """The backbone `NAME+position`: its own maps, and the coordinates (N, 20, S, S) after them."""
    wrapped = _wrapped(backbone, POSITION, partial(_append, backbone.size), "with coordinates")
    return replace(wrapped, channels=(*backbone.channels, CHANNELS))


def without_position(backbone: Backbone, number: str = "") -> Backbone:
    """The backbone `NAME-position`, or `NAME-position20`: its maps without what they are of a black image."""
    wrapper, directions = NO_POSITION + number, int(number or DIRECTIONS)
    if not directions:
        raise BackboneError(f"{backbone.name}{wrapper} projects nothing out; leave {wrapper} out, or name a number")
    return _wrapped(backbone, wrapper, partial(_debias, backbone.size, directions), "position projected out")


def with_anyup(backbone: Backbone, file: str = "") -> Backbone:
    """The backbone `NAME+anyup`, or `NAME+anyup@FILE`: its maps, which AnyUp enlarges."""
    path, origin = find_weights(file.removeprefix("@"))
    wrapped = _wrapped(backbone, ANYUP + file, partial(_enlarge, backbone.size, path), "enlarged by AnyUp")
    origin = "; ".join(filter(None, (backbone.origin, origin)))
    return replace(wrapped, upsampler=path, origin=origin, learnt=True)  # AnyUp learnt from photographs


MAKERS: Mapping[str, Callable[[Backbone, str], Backbone]] = {
    NO_POSITION: without_position,
    ANYUP: with_anyup,
    POSITION: with_position,
}


def _wrapped(backbone: Backbone, wrapper: str, around: Callable[..., Extractor], summary: str) -> Backbone:
    """The backbone whose extractor is `around(load, *seed)`."""
    return replace(
        backbone,
        name=backbone.name + wrapper,
        load=partial(around, backbone.load),
        summary=f"{backbone.summary}, {summary}",
        untrained=backbone.untrained and partial(around, backbone.untrained),
        configure=None,
        trainer=None,
    )


# torch comes in here, so that naming a backbone stays quick.


def _append(size: int, load: Callable[..., Extractor], *seed: int) -> Extractor:
    from .wrapped import AppendPosition, wrap

    return wrap(load(*seed), AppendPosition(), size)


def _debias(size: int, directions: int, load: Callable[..., Extractor], *seed: int) -> Extractor:
    from .debiased import ProjectPositionOut
    from .wrapped import wrap

    inner = load(*seed)
    return wrap(inner, ProjectPositionOut(inner, size, directions), size)


def _enlarge(size: int, path: Path, load: Callable[..., Extractor], *seed: int) -> Extractor:
    from ..anyup.upsample import Upsample, open_weights
    from .wrapped import wrap

    return wrap(load(*seed), Upsample(open_weights(path)), size)
