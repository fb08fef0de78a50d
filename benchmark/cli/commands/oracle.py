"""`partbench annotate teach` and `oracle`: trains an oracle, and annotates an export with it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from rich.markup import escape

from ....datasets.dataset import Split
from ....datasets.generated.manifest import read_manifest
from ...machine import hardware
from ...plugins.catalogue import load_catalogue
from ...plugins.names import find_dataset
from ...pretrain.budget import Budget
from ...pretrain.checkpoints import TrainingFiles
from ...pretrain.image_stream import ImageStream
from ...pretrain.loop import Pretraining
from ...pretrain.validation import Validation, format_measures, held_out
from ...segment.oracle import SHIPPED, annotate, open_oracle, unlabelled_with_masks
from ...segment.oracle_training import OracleConfig, OracleTrainer
from ..terminal import open_console
from .annotate import print_annotated
from .plan_options import find_device
from .pretrain import carry_out, check_training_files


def train_oracle(
    dataset: str, out: Path, size: int, width: int, budget: Budget, resume: bool, limit: int, seed: int, device: str
) -> None:
    """Train an oracle, with a bar, and write OUT and its checkpoint, samples and log beside it."""
    files, console, chosen = TrainingFiles(out), open_console(), find_device(device)
    check_training_files(files, budget, resume)
    record = find_dataset(load_catalogue(), dataset).record
    shape = OracleConfig(record.classes, size, width)
    training = _start_training(unlabelled_with_masks(record), shape, files, budget, limit, seed, str(chosen))
    if resume and files.checkpoint.exists():
        training.resume(files.checkpoint)
    count = len(training.stream)
    where = f"{count} unlabelled images of {dataset} with their truth, on {chosen}, from image {training.images}"
    console.print(f"oracle: {escape(where)}; samples in {escape(str(files.picture))}", soft_wrap=True)
    card = {
        "images": f"{count} of {dataset} at {size} pixels",
        "seed": str(seed),
        "command": _command(dataset, out, shape, budget, limit, seed),
        "hardware": json.dumps(hardware(chosen) | {"processes": 1}),
    }
    carry_out(training, card, console)
    console.print(f"on images that it never saw: {escape(format_measures(training.measures))}", soft_wrap=True)


def _start_training(
    split: Split, shape: OracleConfig, files: TrainingFiles, budget: Budget, limit: int, seed: int, device: str
) -> Pretraining:  # fmt: skip
    """A training on the first `limit` images of a split, measured on its last ones."""
    trainer, held = OracleTrainer(shape, device, seed), held_out(split)
    stream = ImageStream(split, shape.size, trainer.batch, seed, limit=min(limit, held.start), masks=True)
    return Pretraining(trainer, stream, files, budget, validation=Validation(split, held, shape.size))


def _command(dataset: str, out: Path, shape: OracleConfig, budget: Budget, limit: int, seed: int) -> str:
    """The command that teaches the same again, for the model card."""
    words = ["partbench", "annotate", "teach", dataset, "--out", out.name]
    words += ["--size", str(shape.size), "--width", str(shape.width), "--limit", str(limit), "--seed", str(seed)]
    given = {"minutes": budget.seconds / 60, "kimg": budget.images / 1000}
    return shlex.join(words + [f"--{name}={value:g}" for name, value in given.items() if value != float("inf")])


def annotate_with_oracle(folder: Path, file: Path | None, as_json: bool) -> None:
    """Let an oracle annotate all images of an export, and say how well it knows what it was taught."""
    manifest, oracle = read_manifest(folder), open_oracle(file or SHIPPED)
    console = open_console(stderr=as_json)
    annotated = annotate(folder, manifest, oracle)
    if not as_json:
        console.print(f"annotated by {escape(annotated.annotator)}", soft_wrap=True)
        console.print(
            f"on images that it never saw: {escape(format_measures(oracle.facts['measured']))}", soft_wrap=True
        )
    print_annotated(folder, annotated, sorted(annotated.annotations), [], console, as_json)
