"""`ddpm`: the decoder of a small diffusion network, read as Baranchuk et al. (2022) read theirs.

A network of our own rather than one of diffusers, so that the shipped row needs no extra and keeps its numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, Extractor
from ..family import Family
from .config import EMBEDDED, FAMILY, DDPMConfig

if TYPE_CHECKING:
    from ..training.trainer import Trainer


def open_trained(weights: Path) -> Extractor:
    """The network of a weights file as an extractor."""
    from .extractor import trained

    return trained(weights)


def open_untrained(config: DDPMConfig, seed: int) -> Extractor:
    """A network before training."""
    from .extractor import untrained

    return untrained(config, seed)


def start_training(size: int, device: str, seed: int) -> Trainer:
    """The embedded shape at another size: what a CPU can train."""
    from ..training.learner import Learner
    from .loss import DDPMLesson

    return Learner(partial(DDPMLesson, replace(EMBEDDED, size=size)), device, seed)


def read(weights: Path) -> DDPMConfig:
    """The shape in a weights file."""
    from ..weights import read_config

    return read_config(weights, FAMILY, DDPMConfig)


DDPM = Family(
    name=FAMILY,
    summary="decoder of a small diffusion U-Net at three noise steps (DDPM; Baranchuk et al. 2022)",
    shipped=Path(__file__).parent / "ddpm-faces64.safetensors",
    embedded=EMBEDDED,
    read=read,
    channels=lambda shape: shape.channels,
    load=open_trained,
    untrained=open_untrained,
    train=start_training,
)


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    yield DDPM.configure()
