"""`stylegan2`: the paper's own representation (section 3.1), the activations of a StyleGAN2 generator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, BackboneError, Extractor
from .config import EMBEDDED, FULL, GROUPS, SHAPES, StyleGAN2Config, select, shape_of

if TYPE_CHECKING:
    from ..training.trainer import Trainer

SHIPPED = Path(__file__).parent / "stylegan2-faces64.safetensors"
METHODS = ("encode", "descend", "optimise", "propose")
ENCODER = ("encode", "propose")
"""Methods that begin with an encoder."""
SUMMARY = "activations of a StyleGAN2 generator; images enter by projection (section 3.1)"


def open_trained(weights: Path, group: str, method: str) -> Extractor:
    """The generator of a weights file as an extractor."""
    from ..weights.vgg import vgg_weights
    from .extractor import StyleGAN2Extractor
    from .weights import load

    networks = load(weights)
    return StyleGAN2Extractor(networks, select(networks.generator.config, group), method, vgg_weights("vgg16"))


def open_untrained(config: StyleGAN2Config, group: str, seed: int) -> Extractor:
    """A generator before training; images enter by descent, since it has no encoder either."""
    from .extractor import StyleGAN2Extractor
    from .weights import untrained

    return StyleGAN2Extractor(untrained(config, seed), select(config, group), "descend")


def open_nothing(name: str) -> Extractor:
    """Say that a shape has no weights that are shipped."""
    mend = f"train some with partbench pretrain {name} --out FILE.safetensors, and name stylegan2@FILE.safetensors"
    raise BackboneError(f"{name} has no weights of its own; {mend}")


def start_training(shape: StyleGAN2Config, size: int, device: str, seed: int) -> Trainer:
    """A shape that a CPU can train, at another size."""
    from .training import StyleGAN2Trainer

    return StyleGAN2Trainer(replace(shape, size=size), device, seed)


def parse_variant(variant: str) -> tuple[str, str]:
    """Layer group and projection method of `B`, `optimise`, `B,optimise`."""
    group, method = FULL, METHODS[0]
    for word in filter(None, variant.split(",")):
        if word in GROUPS or word == FULL:
            group = word
        elif word in METHODS:
            method = word
        elif word not in SHAPES:
            choices = ", ".join([*GROUPS, FULL, *METHODS, *SHAPES])
            raise BackboneError(f"stylegan2 has no variant {word!r}; combine, with commas, any of {choices}")
    return group, method


def read_config(variant: str, weights: str) -> StyleGAN2Config:
    """The shape in a weights file; that of the shipped one is known without opening it."""
    shape = shape_of(variant)
    if not weights:
        return shape
    if shape != EMBEDDED:
        raise BackboneError(f"{weights} has its shape in it; leave the word for another out of stylegan2:{variant}")
    from .weights import read_config

    return read_config(Path(weights))


def choose_method(variant: str, weights: str) -> str:
    """The projection method that is named; else `encode`, or `descend` into a network that has no encoder."""
    _, method = parse_variant(variant)
    if not weights or method not in ENCODER:
        return method
    from .weights import read_parts

    if "encoder" in read_parts(Path(weights)):
        return method
    if method in variant.split(","):
        mend = f"leave {method!r} out, which descends from the mean of w, or name stylegan2:optimise@{weights}"
        raise BackboneError(f"{weights} holds no encoder, as published networks do not; {mend}")
    return "descend"


def configure(variant: str, weights: str) -> Backbone:
    """The backbone `stylegan2:VARIANT@WEIGHTS`."""
    group, _ = parse_variant(variant)
    config = read_config(variant, weights)
    method = choose_method(variant, weights)
    name = "stylegan2" + (f":{variant}" if variant else "") + (f"@{weights}" if weights else "")
    file = Path(weights) if weights else SHIPPED if config == EMBEDDED else None
    return Backbone(
        name=name,
        size=config.size,
        channels=tuple(config.layers[i][1] for i in select(config, group)),
        load=partial(open_trained, file, group, method) if file else partial(open_nothing, name),
        summary=SUMMARY,
        untrained=partial(open_untrained, config, group),
        configure=configure,
        trainer=partial(start_training, shape_of(variant)),
        weights=file,
    )


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    yield configure("", "")
