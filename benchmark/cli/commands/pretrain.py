"""`partbench pretrain`: trains a backbone on unlabelled images."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ....backbones.training.trainer import LearnsFromMasks, Trainer
from ....datasets.dataset import CROP, DatasetError, Split, check_fit
from ....datasets.files.images import ImageFolder
from ...files import locked_file
from ...machine import hardware
from ...plugins.backbone_names import NamingError
from ...plugins.calls import MEND, PluginExit, plugin_call
from ...plugins.catalogue import Catalogue, load_catalogue
from ...plugins.names import family_of, find_backbone, find_dataset
from ...pretrain.budget import Budget, TrainingProgress
from ...pretrain.checkpoints import TrainingFiles
from ...pretrain.image_stream import ImageStream
from ...pretrain.loop import Pretraining
from ...pretrain.validation import Validation, format_measures, held_out
from ..terminal import open_console, print_notes
from .plan_options import find_device
from .pretrain_options import PretrainOptions, card_command, check_batch, prepare, record

LINE_EVERY = 60.0
"""Seconds between two lines of progress where there is no terminal to draw a bar on."""


def open_images(catalogue: Catalogue, images: str, fit: str = "") -> tuple[Split, tuple[str, ...]]:
    """The pictures of a folder or zip, or the unlabelled split of a dataset; and what of the files is left out.

    They become square by `fit`, where it is not '', or else folders and zips by a crop, datasets their own way.
    """
    check_fit(fit)
    if Path(images).exists():
        folder = ImageFolder(images, fit or CROP)
        return folder, folder.notes
    if family_of(images) not in catalogue.datasets:
        raise DatasetError(f"{images} is neither a folder or zip of pictures nor a dataset; check --images")
    splits = find_dataset(catalogue, images).record.fitted(fit).load()
    if splits.unlabelled is None:
        raise DatasetError(f"{images} has no unlabelled images; name a folder or zip of pictures with --images")
    return splits.unlabelled, splits.notes


def parse_keep(text: str) -> tuple[int, ...]:
    """`10,20` thousand images as numbers of images."""
    try:
        return tuple(int(float(part) * 1000) for part in text.split(",") if part)
    except ValueError:
        raise NamingError(f"--keep {text} is no list of thousands of images; write it as 10,20") from None


def run(options: PretrainOptions) -> None:
    """Train, with a bar, and write OUT and its checkpoint, samples and log beside it."""
    catalogue = load_catalogue()
    start = find_backbone(catalogue, options.name).record.trainer
    if start is None:
        raise NamingError(f"{options.name} has no training of its own; choose one that has, as stylegan2")
    files, kept, size = TrainingFiles(options.out), parse_keep(options.keep), options.size
    check_training_files(files, options.budget, options.resume)
    (split, notes), device = open_images(catalogue, options.images, options.fit), find_device(options.device)
    with plugin_call(options.name):
        trainer: Trainer = start(size, str(device), options.seed)
        options = prepare(trainer, options)
    own, trainer.batch = trainer.batch, options.batch or trainer.batch
    held = held_out(split)
    most = held.start if options.limit is None else min(options.limit, held.start)
    masks = isinstance(trainer, LearnsFromMasks)
    stream = ImageStream(split, size, trainer.batch, options.seed, options.mirror, most, masks)
    validation, origin = Validation(split, held, size), options.origin(len(stream), trainer)
    training = Pretraining(trainer, stream, files, options.budget, kept, validation, origin)
    if options.begin and not (options.resume and files.checkpoint.exists()):
        training.go_on_from(options.begin)
    alone = f"another training is writing {options.out}; wait for its end, or choose another --out"
    with locked_file(files.lock, alone) if training.main else nullcontext():
        _train(training, options, notes, device, own)
    if training.measures:
        what = f"on {len(held)} images that it never saw: {escape(format_measures(training.measures))}"
        open_console(quiet=not training.main).print(what, soft_wrap=True)


def _train(
    training: Pretraining, options: PretrainOptions, notes: Sequence[str], device: torch.device, own: int
) -> None:
    """Begin, or go on, and train to the end of the budget."""
    files, stream, size, trainer = training.files, training.stream, options.size, training.trainer
    if options.resume and files.checkpoint.exists():
        training.resume(files.checkpoint)
        check_batch(options, trainer.batch)
    record(options.name, trainer, options.graph)
    console = open_console(quiet=not training.main)
    print_notes(console, notes)
    where = f"{len(stream)} images of {options.images} at {size} px, on {device}, from image {training.images}"
    where += f", {trainer.batch} a step in {'bfloat16' if trainer.machine.bf16 else 'float32'}"
    console.print(f"{escape(options.name)}: {escape(where)}; samples in {escape(str(files.picture))}", soft_wrap=True)
    read_ahead(stream, default_workers(device) if options.workers is None else options.workers, console)
    mirrored = ", mirrored too" if options.mirror else ""
    card = {
        "images": f"{len(stream)} of {Path(options.images).name} at {size} pixels{mirrored}",
        "seed": str(options.seed),
        "command": card_command(options, trainer, own, training.began.get("name")),
        "hardware": json.dumps(hardware(device) | {"processes": training.machine.processes}),
    } | ({"taught by": options.taught} if options.taught else {})
    card |= {"began with": began(training.began)} if training.began else {}
    carry_out(training, card, console)


def carry_out(training: Pretraining, card: dict[str, str], console: Console) -> None:
    """Train with a bar and say what was written; a stop says how to go on."""
    files = training.files
    try:
        with ProgressPrinter(console, training.budget) as printer:
            training.run(printer, card)
    except SystemExit as stop:
        raise PluginExit(f"the trainer calls sys.exit({stop.code!r}); {MEND}") from None
    except KeyboardInterrupt:
        print(f"stopped; --resume goes on from {files.checkpoint}", file=sys.stderr)
        sys.exit(130)
    console.print(f"wrote {escape(str(files.out))} and its card after {training.images} images", soft_wrap=True)


def default_workers(device: torch.device) -> int:
    """Every core where a GPU would wait for images; none where training itself needs the cores."""
    return (os.cpu_count() or 1) if device.type == "cuda" else 0


def read_ahead(stream: ImageStream, workers: int, console: Console) -> None:
    """Let `workers` processes read all images before training begins, with a bar."""
    if not workers:
        return
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("reading images", total=len(stream))
        stream.fill(workers, lambda count: bars.update(task, completed=count))


def began(weights: Mapping[str, str]) -> str:
    """Which weights file a training began with: its name, its hash and what it had seen."""
    what = f"{weights['name']} ({weights['hash']}), after {weights['seen']} images; its optimisers began anew"
    return what + (f"; it learnt from {weights['images']}" if "images" in weights else "")


def check_training_files(files: TrainingFiles, budget: Budget, resume: bool) -> None:
    """Refuse a training without a budget, or one that would overwrite files."""
    if files.out.suffix != ".safetensors":
        raise NamingError(f"--out {files.out} must end in .safetensors")
    if budget == Budget():
        raise NamingError("a training needs an end; give --minutes or --kimg")
    if min(budget.seconds, budget.images) <= 0:
        raise NamingError("a training of nothing has no weights; give --minutes or --kimg above 0")
    if files.checkpoint.exists() and not resume:
        raise NamingError(f"{files.checkpoint} is of a training begun before; go on with --resume, or delete it")


class ProgressPrinter:
    """Prints training progress: a bar on a terminal, else a line now and then."""

    def __init__(self, console: Console, budget: Budget) -> None:
        self.console, self.budget = console, budget
        self.first: TrainingProgress | None = None
        self.last = time.monotonic()
        columns = TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn()
        self.bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self.task = self.bars.add_task("starting", total=1.0)

    def __enter__(self) -> ProgressPrinter:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()

    def __call__(self, tick: TrainingProgress) -> None:
        text = self.describe(tick)
        self.bars.update(self.task, completed=self.budget.share(tick), description=escape(text))
        if not self.console.is_terminal and time.monotonic() - self.last >= LINE_EVERY:
            self.last = time.monotonic()
            self.console.print(escape(text), soft_wrap=True)

    def describe(self, tick: TrainingProgress) -> str:
        """Images, images per second since this session's first step, time left, losses."""
        self.first = self.first or tick
        images, seconds = tick.images - self.first.images, tick.seconds - self.first.seconds
        if not (images and seconds):
            return f"{tick.images} images  {tick.note}"
        rate = images / seconds
        left = self.budget.remaining(tick, rate)
        return f"{tick.images} images, {rate:.1f}/s, {left / 60:.0f} min left  {tick.note}"
