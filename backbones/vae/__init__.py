"""`vae`: the activations of a VAE's decoder, one of the representations of Table G (supplement)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, BackboneError, Extractor
from .config import EMBEDDED, Config

if TYPE_CHECKING:
    from ..trainer import Trainer

SHIPPED = Path(__file__).parent / "vae-faces64.safetensors"
SUMMARY = "all convolutions of a VAE's decoder (ResNet, perceptual loss)"


def open_trained(weights: Path) -> Extractor:
    """The network of a weights file as an extractor."""
    from .weights import VAEExtractor, load

    return VAEExtractor(load(weights))


def open_untrained(config: Config, seed: int) -> Extractor:
    """The same network before training."""
    from .weights import VAEExtractor, untrained

    return VAEExtractor(untrained(config, seed))


def start_training(size: int, device: str, seed: int) -> Trainer:
    """The embedded shape at another size: what a CPU can train."""
    from ..learning import Learner
    from .lesson import VAELesson
    from .perceptual import vgg19_weights

    config = replace(EMBEDDED, size=size)
    return Learner(lambda: VAELesson(config, vgg19_weights()), device, seed)


def read_config(weights: str) -> Config:
    """The shape in a weights file; that of the shipped one is known without opening it."""
    if not weights:
        return EMBEDDED
    from .weights import read_config

    return read_config(Path(weights))


def configure(variant: str, weights: str) -> Backbone:
    """The backbone `vae@WEIGHTS`."""
    if variant:
        raise BackboneError(f"vae has no variant {variant!r}; ask for vae")
    config = read_config(weights)
    file = Path(weights) if weights else SHIPPED
    return Backbone(
        name="vae" + (f"@{weights}" if weights else ""),
        size=config.size,
        channels=tuple(channels for _, channels in config.layers),
        load=partial(open_trained, file),
        summary=SUMMARY,
        untrained=partial(open_untrained, config),
        configure=configure,
        trainer=start_training,
        weights=file,
        local=False,
    )


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    yield configure("", "")
