"""`timm:NAME`: the stages or blocks of any model of timm, with its own weights, a file's, or none.

Behind the name follow, with commas, a size in pixels, which maps are read (`last+norm`, `last` or `four-even`, see
`layers.py`) and the word `untrained`; behind an '@' a file of weights::

    timm:resnet18.a1_in1k                       weights from the hub, at the size that the model was trained with
    timm:vit_small_patch14_reg4_dinov2,224      at 224 pixels
    timm:vit_small_patch16_dinov3.lvd1689m,last+norm
    timm:resnet18.a1_in1k@model.safetensors     weights from a file (.safetensors, .pth, .bin)
    timm:resnet18,untrained                     no weights; `random:timm:resnet18` is the same network

The tag behind the dot chooses mean, deviation and size along with the weights, so it belongs in the name of a file's
model too. Without one it is timm's default, which another version of timm may choose otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, BackboneError, Extractor
from ..sides import side_in
from . import curated, hub, lite0

if TYPE_CHECKING:
    from .features import TimmInput

FAMILY, UNTRAINED = "timm", "untrained"
LAST_NORM, LAST, FOUR_EVEN = READINGS = ("last+norm", "last", "four-even")
"""Words for the maps that are read."""
SIZE = 224
"""Side that stands in `partbench list` for all models, pixels; each has its own."""
EXAMPLES = (
    "resnet10t,96,untrained",
    "resnext26ts,64,untrained",
    "regnetx_002,96,untrained",
    "densenet121,64,untrained",
    "convnext_atto,64,untrained",
    "efficientnet_b0,64,untrained",
    "mobilenetv3_small_050,64,untrained",
    "swin_tiny_patch4_window7_224,64,untrained",
    "maxvit_pico_rw_256,64,untrained",
    "coatnet_pico_rw_224,64,untrained",
    "vit_tiny_patch16_224,128,untrained",
    "vit_small_patch14_reg4_dinov2,112,untrained",
    "eva02_tiny_patch14_224,112,untrained",
)
"""A small model of every kind."""
SUMMARY = "any model of timm, as timm:resnet18.a1_in1k: its stages, or the ends of four quarters of a ViT"


def open_nameless() -> Extractor:
    """The family by itself, which cannot be opened."""
    raise BackboneError("timm is a family of models; name one, as timm:resnet18.a1_in1k")


def open_pretrained(reading: TimmInput, weights: str) -> Extractor:
    """A model with the weights of a file, or of the hub."""
    from .extractor import open_file, open_hub

    return open_file(reading, Path(weights)) if weights else open_hub(reading)


def open_untrained(reading: TimmInput, seed: int) -> Extractor:
    """A model as timm initialises it."""
    from .extractor import open_untrained

    return open_untrained(reading, seed)


@dataclass(frozen=True)
class Variant:
    """What follows `timm:`."""

    model: str
    size: int | None = None
    """Pixels; None for the model's own."""
    layers: str = ""
    """One of `READINGS`, or '' for the family's own."""
    untrained: bool = False


def parse_variant(variant: str) -> Variant:
    """The parts of `resnet18,96,last,untrained`."""
    model, *words = variant.split(",")
    if not model:
        raise BackboneError(f"'timm:{variant}' names no model; write one, as timm:resnet18.a1_in1k")
    found = Variant(model)
    for word in words:
        side = side_in(word, f"{FAMILY}:{variant}")
        if word == UNTRAINED and not found.untrained:
            found = replace(found, untrained=True)
        elif word in READINGS and not found.layers:
            found = replace(found, layers=word)
        elif side and not found.size:
            found = replace(found, size=side)
        else:
            choice = f"a size in pixels, one of {', '.join(READINGS)}, and {UNTRAINED}"
            raise BackboneError(f"timm has no use for {word!r}; write, each at most once, {choice}")
    return found


def configure(variant: str, weights: str) -> Backbone:
    """The backbone `timm:VARIANT@WEIGHTS`; its channels are found out without its weights."""
    asked = parse_variant(variant)
    if asked.untrained and weights:
        raise BackboneError(f"timm:{variant} is untrained and has no use for {weights}; leave one of the two out")
    from .features import config_of, read

    reading = read(asked.model, asked.size, asked.layers)
    twin = partial(open_untrained, reading)
    config = None if asked.untrained or weights else config_of(asked.model)
    return Backbone(
        name=f"{FAMILY}:{variant}" + (f"@{weights}" if weights else ""),
        size=reading.size,
        channels=reading.channels,
        load=partial(twin, 0) if asked.untrained else partial(open_pretrained, reading, weights),
        summary=f"{asked.model} of timm, {len(reading.channels)} maps",
        untrained=twin,
        configure=configure,
        weights=Path(weights) if weights else None,
        learnt=not asked.untrained,
        origin=hub.origin(config.hf_hub_id or "", config.hf_hub_filename or "") if config else "",
        licence=(config.license or "") if config else "",
    )


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    yield Backbone(
        FAMILY,
        size=SIZE,
        channels=(),
        load=open_nameless,
        summary=SUMMARY,
        configure=configure,
        members=curated.members,
        examples=EXAMPLES,
        by_default=False,  # it names no model
    )
    yield lite0.configure()
