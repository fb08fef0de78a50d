"""The options of `partbench pretrain`, and what they ask of a trainer."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

from ....backbones.training.trainer import HasTeacher, Records, Trainer
from ....datasets.dataset import CROP
from ...plugins.backbone_names import NamingError
from ...pretrain.budget import Budget
from ...pretrain.checkpoints import TrainingFiles

AUTO = "auto"
PRECISIONS = {"float32": False, "bfloat16": True}
"""Number formats, by whether networks run in bfloat16; `auto` is what the device is faster in."""


@dataclass(frozen=True)
class PretrainOptions:
    """What `partbench pretrain` takes, by its options."""

    name: str
    """Of the backbone."""
    images: str
    out: Path
    size: int = 64
    """Side of the images, pixels."""
    budget: Budget = field(default_factory=Budget)
    resume: bool = False
    limit: int | None = None
    mirror: bool = False
    seed: int = 0
    device: str = "auto"
    keep: str = ""
    begin: Path | None = None
    """Weights to begin with."""
    batch: int | None = None
    workers: int | None = None
    fit: str = ""
    precision: str = AUTO
    graph: bool | None = None
    """Whether steps are recorded as CUDA graphs; None: where they can be."""
    teacher: str = ""
    """Weights that it learns from, '' for its own."""
    taught: str = ""
    """What the teacher is, once it is open."""

    def origin(self, images: int, trainer: Trainer) -> dict[str, str]:
        """What must be as it was where a checkpoint is gone on from; weights learn from the images in their order."""
        fit = self.fit or (CROP if Path(self.images).exists() else "")
        precision = "bfloat16" if trainer.machine.bf16 else "float32"
        known = {"seed": self.seed, "number of images": images, "fit": fit, "mirroring": self.mirror}
        known |= {"precision": precision} | ({"teacher": self.taught} if self.taught else {})
        return {what: str(value) for what, value in known.items()}

    def command(self, begin: str | None) -> str:
        """The command that trains the same again, for the model card; paths by their last part: others' differ."""
        words = ["partbench", "pretrain", self.name, "--images", Path(self.images).name, "--out", self.out.name]
        words += ["--size", str(self.size), "--seed", str(self.seed)]
        words += ["--from", begin] if begin else []
        words += ["--teacher", Path(self.teacher).name] if self.teacher else []
        words += ["--limit", str(self.limit)] if self.limit is not None else []
        words += ["--mirror"] if self.mirror else []
        words += ["--fit", self.fit] if self.fit else []
        words += ["--batch", str(self.batch)] if self.batch else []
        words += ["--precision", self.precision] if self.precision != AUTO else []
        words += ["--minutes", f"{self.budget.seconds / 60:g}"] if math.isfinite(self.budget.seconds) else []
        words += ["--kimg", f"{self.budget.images / 1000:g}"] if math.isfinite(self.budget.images) else []
        return shlex.join(words)


def set_precision(trainer: Trainer, precision: str) -> None:
    """Run the networks in the number format that is asked for."""
    if precision not in (AUTO, *PRECISIONS):
        raise NamingError(f"--precision {precision} is no number format here; choose {AUTO}, {', '.join(PRECISIONS)}")
    if precision != AUTO:
        trainer.machine.bf16 = PRECISIONS[precision]


def prepare(trainer: Trainer, options: PretrainOptions) -> PretrainOptions:
    """Let a trainer compute, and learn from the teacher, as is asked for; the options, with what the teacher is."""
    set_precision(trainer, options.precision)
    if not options.teacher:
        return options
    if not isinstance(trainer, HasTeacher):
        raise NamingError(f"{options.name} learns from no other network; leave --teacher {options.teacher} out")
    return replace(options, taught=trainer.learn_from(options.teacher))


def check_batch(options: PretrainOptions, batch: int) -> None:
    """Refuse to go on with another batch than a training had until now."""
    if options.batch not in (None, batch):
        raise NamingError(
            f"{TrainingFiles(options.out).checkpoint} has had {batch} images a step, and --batch {options.batch} asks "
            f"for others; leave --batch out, or begin another training"
        )


def record(name: str, trainer: Trainer, wanted: bool | None) -> None:
    """Record the steps of a training that can be recorded, unless that is not `wanted`; None: if it is possible."""
    possible = trainer.machine.device.type == "cuda" and trainer.machine.processes == 1
    if wanted and not isinstance(trainer, Records):
        raise NamingError(f"the steps of {name} cannot be recorded; leave --graph out")
    if wanted and not possible:
        raise NamingError("--graph records the steps of one process on a CUDA device; leave it out here")
    if wanted is not False and possible and isinstance(trainer, Records):
        trainer.record()


def card_command(options: PretrainOptions, trainer: Trainer, own: int, begin: str | None) -> str:
    """The command that trains the same again, with the batch where that is not the trainer's `own` on every device."""
    chosen = trainer.batch if trainer.batch != own or trainer.machine.device.type == "cuda" else options.batch
    return replace(options, batch=chosen).command(begin)
