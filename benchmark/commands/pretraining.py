"""`partbench pretrain`: weights from unlabelled images."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ...datasets.dataset import DatasetError, Split
from ...datasets.images import ImageFolder
from ..naming import NamingError, find_backbone, find_dataset
from ..plugins import Catalogue, load_catalogue
from ..pretrain import Budget, Files, ImageStream, Pretraining, Tick
from ..provenance import hardware, pick_device


def open_images(catalogue: Catalogue, images: str) -> Split:
    """The pictures of a folder or zip, or the unlabelled split of a dataset."""
    if Path(images).exists():
        return ImageFolder(images)
    family = images.split(":")[0]
    if family not in catalogue.datasets:
        raise DatasetError(f"{images} is neither a folder or zip of pictures nor a dataset; check --images")
    split = find_dataset(catalogue, images).record.load().unlabelled
    if split is None:
        raise DatasetError(f"{images} has no unlabelled images; name a folder or zip of pictures with --images")
    return split


def parse_keep(text: str) -> tuple[int, ...]:
    """`10,20` thousand images as numbers of images."""
    return tuple(int(float(part) * 1000) for part in text.split(",") if part)


def run(
    name: str, images: str, out: Path, size: int, budget: Budget, resume: bool,
    limit: int | None, mirror: bool, seed: int, device: str, keep: str,
) -> None:  # fmt: skip
    """Train, with a bar, and write OUT and its checkpoint, samples and log beside it."""
    catalogue = load_catalogue()
    backbone = find_backbone(catalogue, name).record
    if backbone.trainer is None:
        raise NamingError(f"{name} has no training of its own; choose one that has, as stylegan2")
    if out.suffix != ".safetensors":
        raise NamingError(f"--out {out} must end in .safetensors")
    if budget == Budget():
        raise NamingError("a training needs an end; give --minutes or --kimg")
    files, chosen = Files(out), pick_device(device)
    if files.checkpoint.exists() and not resume:
        raise NamingError(f"{files.checkpoint} is an unfinished training; go on with --resume, or delete it")
    trainer = backbone.trainer(size, str(chosen), seed)
    stream = ImageStream(open_images(catalogue, images), size, trainer.batch, seed, mirror, limit)
    training = Pretraining(trainer, stream, files, budget, parse_keep(keep))
    if resume and files.checkpoint.exists():
        training.resume(files.checkpoint)
    console = Console()
    where = f"{len(stream)} images of {images} at {size} px, on {chosen}"
    console.print(f"{name}: {escape(where)}; samples in {escape(str(files.picture))}")
    card = {"images": str(len(stream)) + " of " + Path(images).name, "seed": str(seed), "hardware": str(hardware(chosen))}
    with Progress(
        TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn(), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal,
    ) as bars:  # fmt: skip
        task = bars.add_task("starting", total=1.0)
        training.run(lambda tick: _tell(bars, task, budget, tick), card)
    console.print(f"wrote {escape(str(out))} after {training.images} images")


def _tell(bars: Progress, task: object, budget: Budget, tick: Tick) -> None:
    done = max(tick.images / budget.images, tick.seconds / budget.seconds)
    rate = tick.images / max(tick.seconds, 1e-9)
    text = f"{tick.images} images, {rate:.1f}/s  {tick.note}"
    bars.update(task, completed=min(1.0, done), description=escape(text))  # type: ignore[arg-type]
