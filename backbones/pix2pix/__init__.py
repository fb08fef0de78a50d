"""`pix2pix-color`, `-hed`, `-bilateral`: decoders of networks that translate images (paper, supplement; Table G)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..backbone import Backbone, BackboneError, Extractor
from .config import EMBEDDED, TASKS, Config

if TYPE_CHECKING:
    from ..trainer import Trainer

SHIPPED = {task: Path(__file__).parent / f"pix2pix-{task}-faces64.safetensors" for task in TASKS}
SUMMARIES = {
    "color": "decoder of a Pix2Pix that finds the colours of a grey image (supplement, Table G)",
    "hed": "decoder of a Pix2Pix that draws the edges of HED (supplement, Table G)",
    "bilateral": "decoder of a Pix2Pix that smooths as a bilateral filter (supplement, Table G)",
}


def open_trained(weights: Path, task: str) -> Extractor:
    """The generator of a weights file as an extractor."""
    from .networks import extractor, load

    return extractor(load(weights, task))


def open_untrained(config: Config, seed: int) -> Extractor:
    """A generator before training."""
    from .networks import extractor, untrained

    return extractor(untrained(config, seed))


def start_training(task: str, size: int, device: str, seed: int) -> Trainer:
    """The embedded shape at another size: what a CPU can train."""
    from .training import Pix2PixTrainer

    return Pix2PixTrainer(replace(EMBEDDED[task], size=size), device, seed)


def read_config(task: str, weights: str) -> Config:
    """The shape in a weights file; that of the shipped one is known without opening it."""
    if not weights:
        return EMBEDDED[task]
    from .networks import read_config

    return read_config(Path(weights), task)


def configure(task: str, variant: str, weights: str) -> Backbone:
    """The backbone `pix2pix-TASK@WEIGHTS`."""
    name = f"pix2pix-{task}"
    if variant:
        raise BackboneError(f"{name} has no variant {variant!r}; leave out what follows the colon")
    config = read_config(task, weights)
    file = Path(weights) if weights else SHIPPED[task]
    return Backbone(
        name=name + (f"@{weights}" if weights else ""),
        size=config.size,
        channels=config.decoder,
        load=partial(open_trained, file, task),
        summary=SUMMARIES[task],
        untrained=partial(open_untrained, config),
        configure=partial(configure, task),
        trainer=partial(start_training, task),
        weights=file,
    )


@hookimpl
def partbench_backbones() -> Iterable[Backbone]:
    return [configure(task, "", "") for task in TASKS]
