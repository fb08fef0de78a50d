"""Checks that maps are spatially aligned with the image, by an impulse and a shift."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..backbone import Backbone, BackboneError, Extractor, Inverts
from .probes import add_block, centre, images_for, run

DRIFT = 0.25
"""How far from a change in the image, in sides of it, the maps may answer."""
STRAY = 0.2
"""How far off a change that moves may move in the maps; the worst of ours, an untrained network, strays by 0.16."""

_FINE = 8  # side from which a map can say where something is
_LEAKED = 0.75  # of a map: what the mean over an image, as of a normalisation, carries everywhere


def check_aligned(backbone: Backbone) -> None:
    """A change in one place of the image changes the maps in that place; of maps of 8 x 8 and more that change."""
    extractor = _placed(backbone)
    if extractor is None:
        return
    images = images_for(backbone)
    changed, (row, column) = add_block(images)
    centres = [centre(change) for change in _changes(extractor, images, changed)]
    if not centres:  # a control that does not look
        return
    down, across = torch.stack(centres).mean(0).tolist()
    if math.hypot(down - row, across - column) > DRIFT:
        answer = f"at ({down:.2f}, {across:.2f}) of its maps"
        what = f"{backbone.name} answers a change at ({row:.2f}, {column:.2f}) of the image {answer}"
        raise BackboneError(f"{what}; keep rows and columns in the image's order")


def check_shift(backbone: Backbone) -> None:
    """As far as a change moves in the image, the answer moves in the maps: none is cropped, padded or stretched."""
    extractor = _placed(backbone)
    if extractor is None:
        return
    images = images_for(backbone)
    (one, (row, column)), (other, (below, left)) = add_block(images), add_block(images, row=5, column=2)
    pairs = zip(_changes(extractor, images, one), _changes(extractor, images, other), strict=False)
    moves = [centre(_crest(there)) - centre(_crest(here)) for here, there in pairs]
    if not moves:
        return
    down, across = torch.stack(moves).mean(0).tolist()
    if math.hypot(down - (below - row), across - (left - column)) > STRAY:
        moved = f"({below - row:.2f}, {left - column:.2f}) in the image and ({down:.2f}, {across:.2f}) in its maps"
        what = f"a change moves by {moved} for {backbone.name}"
        raise BackboneError(f"{what}; let every map span the whole image")


def _placed(backbone: Backbone) -> Extractor | None:
    """The extractor, None where a map may answer a change anywhere."""
    extractor = backbone.load()
    return extractor if backbone.local and not isinstance(extractor, Inverts) else None


def _changes(extractor: Extractor, images: Tensor, changed: Tensor) -> list[Tensor]:
    """Where (h, w) and how much each map that is fine enough changes, of those that do."""
    pairs = zip(run(extractor, images), run(extractor, changed), strict=True)
    changes = [(after - before).square().sum((0, 1)) for before, after in pairs if min(before.shape[-2:]) >= _FINE]
    return [change for change in changes if change.any()]


def _crest(change: Tensor) -> Tensor:
    """The change (h, w) above what three quarters of the map stay below."""
    crest = (change - change.quantile(_LEAKED)).clamp(min=0)
    return crest if crest.any() else change
