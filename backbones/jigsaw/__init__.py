"""`jigsaw`: the convolutions of a network that solves jigsaw puzzles (Noroozi and Favaro 2016; supplement, Table G)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, BackboneError, Extractor
from .config import EMBEDDED, FAMILY, Config

if TYPE_CHECKING:
    from ..trainer import Trainer

SHIPPED = Path(__file__).parent / "jigsaw-faces64.safetensors"
SUMMARY = "convolutions of a network that solves jigsaw puzzles (Noroozi and Favaro 2016)"


def open_trained(weights: Path) -> Extractor:
    """The trunk of a weights file as an extractor."""
    from .networks import trained

    return trained(weights)


def open_untrained(config: Config, seed: int) -> Extractor:
    """A trunk before training."""
    from .networks import untrained

    return untrained(config, seed)


def start_training(size: int, device: str, seed: int) -> Trainer:
    """The embedded shape at another size: what a CPU can train."""
    from ..learning import Learner
    from .lesson import JigsawLesson

    return Learner(partial(JigsawLesson, EMBEDDED.at_size(size)), device, seed)


def read_config(weights: str) -> Config:
    """The shape in a weights file; that of the shipped one is known without opening it."""
    if not weights:
        return EMBEDDED
    from ..weights import read_config

    return read_config(Path(weights), FAMILY, Config)


def configure(variant: str, weights: str) -> Backbone:
    """The backbone `jigsaw@WEIGHTS`; it has no variants."""
    if variant:
        raise BackboneError(f"jigsaw has no variant {variant!r}; leave out what follows the colon")
    config = read_config(weights)
    file = Path(weights) if weights else SHIPPED
    return Backbone(
        name=FAMILY + (f"@{weights}" if weights else ""),
        size=config.size,
        channels=config.channels,
        load=partial(open_trained, file),
        summary=SUMMARY,
        untrained=partial(open_untrained, config),
        configure=configure,
        trainer=start_training,
        weights=file,
    )


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    yield configure("", "")
