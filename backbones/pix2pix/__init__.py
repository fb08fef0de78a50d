"""`pix2pix-color`, `-hed`, `-bilateral`: decoders of networks that translate images (paper, supplement; Table G)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, Extractor
from ..family import Family
from .config import EMBEDDED, TASKS, Pix2PixConfig

if TYPE_CHECKING:
    from ..training.trainer import Trainer

SUMMARIES = {
    "color": "decoder of a Pix2Pix that finds the colours of a grey image (supplement, Table G)",
    "hed": "decoder of a Pix2Pix that draws the edges of HED (supplement, Table G)",
    "bilateral": "decoder of a Pix2Pix that smooths as a bilateral filter (supplement, Table G)",
}


def open_trained(task: str, weights: Path) -> Extractor:
    """The generator of a weights file as an extractor."""
    from .networks import extractor, load

    return extractor(load(weights, task))


def open_untrained(config: Pix2PixConfig, seed: int) -> Extractor:
    """A generator before training."""
    from .networks import extractor, untrained

    return extractor(untrained(config, seed))


def start_training(task: str, size: int, device: str, seed: int) -> Trainer:
    """The embedded shape at another size: what a CPU can train."""
    from .training import Pix2PixTrainer

    return Pix2PixTrainer(replace(EMBEDDED[task], size=size), device, seed)


def read(task: str, weights: Path) -> Pix2PixConfig:
    """The shape in a weights file."""
    from .networks import read_config

    return read_config(weights, task)


def family(task: str) -> Family[Pix2PixConfig]:
    """The networks of one task."""
    return Family(
        name=f"pix2pix-{task}",
        summary=SUMMARIES[task],
        shipped=Path(__file__).parent / f"pix2pix-{task}-faces64.safetensors",
        embedded=EMBEDDED[task],
        read=partial(read, task),
        channels=lambda shape: shape.decoder,
        load=partial(open_trained, task),
        untrained=open_untrained,
        train=partial(start_training, task),
    )


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    return [family(task).configure() for task in TASKS]
