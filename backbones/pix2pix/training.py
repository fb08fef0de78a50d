"""Training of Pix2Pix as published (Isola et al. 2017), a step at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..backbone import BackboneError
from ..training.distributed import to_device
from ..training.learner import AveragedTraining
from ..training.trainer import Losses
from .config import Pix2PixConfig
from .networks import PatchDiscriminator, UNetGenerator, save
from .tasks import INPUTS, Edges, TranslationTask, open_task
from .teacher import open_teacher

IN_PICTURE = 12
"""Images of a picture: in three forms each, they fill a square grid of six rows."""


@dataclass(frozen=True)
class Pix2PixRecipe:
    """Numbers of the training; Isola et al. (2017), but for the batch and the average."""

    batch: int = 16
    """The paper's are 1 to 10; small images leave a CPU idle."""
    rate: float = 2e-4
    """Constant: the paper lets it fall over the second half, an average of the weights does as much."""
    betas: tuple[float, float] = (0.5, 0.999)
    l1: float = 100.0
    """Weight of the absolute error beside the adversarial loss, the paper's lambda."""
    average: float = 0.995
    """How much of the averaged generator stays at each step."""


RECIPES = {"color": Pix2PixRecipe(), "hed": Pix2PixRecipe(rate=1e-3), "bilateral": Pix2PixRecipe(rate=1e-3)}
"""Of each task. In minutes, the published rate leaves a filter unlearnt. Colours are a guess, and the longer the
adversary presses for vivid ones the larger is their error: 14.6 after 27,000 images, 14.9 after 63,000, 15.3 at five
times the rate."""


class Pix2PixTrainer(AveragedTraining):
    """Generator and discriminator in training; the averaged generator is the result."""

    PARTS = ("generator", "discriminator", "averaged", "opt_g", "opt_d")

    def __init__(
        self,
        config: Pix2PixConfig,
        device: str = "cpu",
        seed: int = 0,
        recipe: Pix2PixRecipe | None = None,
        task: TranslationTask | None = None,
    ) -> None:
        super().__init__(device, seed)
        self.name = f"pix2pix-{config.task}"
        self.recipe = recipe or RECIPES[config.task]
        self.batch = self.recipe.batch
        self.inputs = INPUTS[config.task]
        self.task = task or open_task(config.task, self.machine.device)
        self.generator = to_device(UNetGenerator(config), self.machine)
        self.discriminator = to_device(PatchDiscriminator(config), self.machine)
        self.average(self.generator, self.recipe.average)
        self.opt_g, self.opt_d = (
            torch.optim.Adam(network.parameters(), self.recipe.rate, self.recipe.betas)
            for network in (self.generator, self.discriminator)
        )
        self.machine.seed(seed)

    def learn_from(self, teacher: str) -> str:
        """Have the edges of another HED as targets; see `open_teacher`."""
        if not isinstance(self.task, Edges):
            raise BackboneError(f"{self.name} learns from its images alone; leave --teacher {teacher} out")
        detector, what = open_teacher(teacher, self.machine.device)
        self.task = Edges(detector)
        return what

    def step(self, images: Tensor) -> Losses:
        """One step of the discriminator and one of the generator, on the same outputs."""
        images = self.take(images)
        with torch.no_grad():
            inputs, targets = self.inputs(images), self.task.targets(images)
        with self.machine.autocast():
            outputs = self.generator(inputs).float()
        losses = {"d": self._discriminator_step(inputs, targets, outputs.detach())}
        losses |= self._generator_step(inputs, targets, outputs)
        self.averaged.update_parameters(self.generator)
        self.steps += 1
        return losses

    def _discriminator_step(self, inputs: Tensor, targets: Tensor, outputs: Tensor) -> Tensor:
        """Half of its loss, as published, so that it learns no faster than the generator."""
        with self.machine.autocast():
            on_real, on_made = self.discriminator(inputs, targets), self.discriminator(inputs, outputs)
        return self.machine.descend(
            self.opt_d, (adversarial_loss(on_real, True) + adversarial_loss(on_made, False)) / 2
        )

    def _generator_step(self, inputs: Tensor, targets: Tensor, outputs: Tensor) -> dict[str, Tensor]:
        self.discriminator.requires_grad_(False)
        with self.machine.autocast():
            logits = self.discriminator(inputs, outputs)
        adversarial, l1 = adversarial_loss(logits, True), F.l1_loss(outputs, targets)
        self.machine.descend(self.opt_g, adversarial + self.recipe.l1 * l1)
        self.discriminator.requires_grad_(True)
        return {"g": adversarial.detach(), "l1": l1.detach()}

    @torch.no_grad()
    def picture(self) -> Tensor:
        """Of each of the first images that it saw: input, output and target, side by side."""
        assert self.shown is not None, "a picture is taken after the first step"
        inputs, outputs, targets = self._translate(self.shown[:IN_PICTURE])
        show = self.task.show
        return torch.stack([show(inputs), show(inputs, outputs), show(inputs, targets)], dim=1).flatten(0, 1)

    @torch.no_grad()
    def measure(self, images: Tensor) -> Mapping[str, float]:
        """How well the averaged generator does its task, beside a trivial answer; dropout is off."""
        parts = [self._translate(part.to(self.machine.device)) for part in images.split(self.batch)]
        return self.task.score(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def _translate(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs, outputs and targets of images."""
        inputs = self.inputs(images)
        return inputs, self.result(inputs), self.task.targets(images)

    def save(self, path: Path, card: Mapping[str, str]) -> None:
        generator = self.result
        assert isinstance(generator, UNetGenerator)
        save(path, generator, card)


def adversarial_loss(logits: Tensor, real: bool) -> Tensor:
    """Cross-entropy of the discriminator's logits against this answer for every patch."""
    return F.binary_cross_entropy_with_logits(logits.float(), torch.full_like(logits, real, dtype=torch.float32))
