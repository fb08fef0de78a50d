"""`vae`: the activations of a VAE's decoder, one of the representations of Table G (supplement)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, Extractor
from ..family import Family
from .config import EMBEDDED, VAEConfig

if TYPE_CHECKING:
    from ..training.trainer import Trainer


def open_trained(weights: Path) -> Extractor:
    """The network of a weights file as an extractor."""
    from .weights import VAEExtractor, load

    return VAEExtractor(load(weights))


def open_untrained(config: VAEConfig, seed: int) -> Extractor:
    """The same network before training."""
    from .weights import VAEExtractor, untrained

    return VAEExtractor(untrained(config, seed))


def start_training(size: int, device: str, seed: int) -> Trainer:
    """The embedded shape at another size: what a CPU can train."""
    from ..training.learner import Learner
    from ..weights.vgg import vgg_weights
    from .loss import VAELesson

    config = replace(EMBEDDED, size=size)
    return Learner(lambda: VAELesson(config, vgg_weights("vgg19")), device, seed)


def read(weights: Path) -> VAEConfig:
    """The shape in a weights file."""
    from .weights import read_config

    return read_config(weights)


VAE = Family(
    name="vae",
    summary="all convolutions of a VAE's decoder (ResNet, perceptual loss)",
    shipped=Path(__file__).parent / "vae-faces64.safetensors",
    embedded=EMBEDDED,
    read=read,
    channels=lambda shape: tuple(channels for _, channels in shape.layers),
    load=open_trained,
    untrained=open_untrained,
    train=start_training,
    local=False,
)


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    yield VAE.configure()
