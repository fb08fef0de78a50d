"""`jigsaw`: the convolutions of a network that solves jigsaw puzzles (Noroozi and Favaro 2016; supplement, Table G)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, Extractor
from ..family import Family
from .config import EMBEDDED, FAMILY, JigsawConfig

if TYPE_CHECKING:
    from ..training.trainer import Trainer


def open_trained(weights: Path) -> Extractor:
    """The trunk of a weights file as an extractor."""
    from .networks import trained

    return trained(weights)


def open_untrained(config: JigsawConfig, seed: int) -> Extractor:
    """A trunk before training."""
    from .networks import untrained

    return untrained(config, seed)


def start_training(size: int, device: str, seed: int) -> Trainer:
    """The embedded shape at another size: what a CPU can train."""
    from ..training.learner import Learner
    from .loss import JigsawLesson

    return Learner(partial(JigsawLesson, EMBEDDED.at_size(size)), device, seed)


def read(weights: Path) -> JigsawConfig:
    """The shape in a weights file."""
    from ..weights import read_config

    return read_config(weights, FAMILY, JigsawConfig)


JIGSAW = Family(
    name=FAMILY,
    summary="convolutions of a network that solves jigsaw puzzles (Noroozi and Favaro 2016)",
    shipped=Path(__file__).parent / "jigsaw-faces64.safetensors",
    embedded=EMBEDDED,
    read=read,
    channels=lambda shape: shape.channels,
    load=open_trained,
    untrained=open_untrained,
    train=start_training,
    at_size=JigsawConfig.at_size,
)


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    yield JIGSAW.configure()
