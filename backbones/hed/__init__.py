"""`hed`: a network that detects contours (Xie and Tu 2015), one of the paper's rivals (supplement, "HED")."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, BackboneError, Extractor
from .config import EMBEDDED, NAMES, Config

if TYPE_CHECKING:
    from ..trainer import Trainer
    from .networks import HED

SHIPPED = Path(__file__).parent / "hed-scenes64.safetensors"
SUMMARY = "the 13 convolutions of a holistically-nested edge detector"


def open_trained(weights: Path) -> Extractor:
    """The trunk of a weights file as an extractor."""
    from .networks import open_hed

    return _watch(open_hed(weights))


def open_untrained(config: Config, seed: int) -> Extractor:
    """The trunk before any training."""
    from .networks import untrained

    return _watch(untrained(config, seed))


def _watch(network: HED) -> Extractor:
    from ..hooks import Activations
    from .networks import run_trunk

    return Activations(network, [f"convs.{name}" for name in NAMES], forward=run_trunk)


def start_training(size: int, device: str, seed: int) -> Trainer:
    """The embedded shape at another size: what a CPU can train."""
    from .training import HEDTrainer

    return HEDTrainer(replace(EMBEDDED, size=size), device, seed)


def read_config(weights: str) -> Config:
    """The shape in a weights file; that of the shipped one is known without opening it."""
    if not weights:
        return EMBEDDED
    from ..weights import read_config
    from .checkpoints import is_ours, read_checkpoint

    path = Path(weights)
    return read_config(path, "hed", Config) if is_ours(path) else read_checkpoint(path)[0]


def configure(variant: str, weights: str) -> Backbone:
    """The backbone `hed@WEIGHTS`: a file of ours, or a published checkpoint."""
    if variant:
        raise BackboneError(f"hed has no variant {variant!r}; leave it out, or name a weights file as hed@FILE")
    config = read_config(weights)
    file = Path(weights) if weights else SHIPPED
    return Backbone(
        name="hed" + (f"@{weights}" if weights else ""),
        size=config.size,
        channels=config.channels,
        load=partial(open_trained, file),
        summary=SUMMARY,
        untrained=partial(open_untrained, config),
        configure=configure,
        trainer=start_training,
        weights=file,
        by_default=False,
    )


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    """The backbone `hed`."""
    yield configure("", "")
