"""The steps of StyleGAN2's training recorded as CUDA graphs, each kind a graph of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from ..training.recorded import RecordedStep

if TYPE_CHECKING:
    from .training import StyleGAN2Trainer

Latents: TypeAlias = "tuple[Tensor, Tensor | None, int | Tensor]"
"""Latents (N, latent), a second set or none, and the style at which that takes over."""


class RecordedTraining:
    """A trainer's steps on tensors that stay where they are, and are filled before each."""

    def __init__(self, trainer: StyleGAN2Trainer) -> None:
        self.trainer = trainer
        config, device, batch = trainer.generator.config, trainer.device, trainer.batch
        self.real = torch.zeros(batch, 3, config.size, config.size, device=device)
        self.first, self.second = (torch.zeros(batch, config.latent, device=device) for _ in range(2))
        self.crossover = torch.zeros((), dtype=torch.int64, device=device)
        fixed = self.first, self.second, self.crossover
        self.discriminator = self._record(lambda: trainer.discriminator_step(self.real, fixed))
        self.generator = self._record(lambda: trainer.generator_step(batch, fixed))
        self.r1 = self._record(lambda: trainer.r1_step(self.real))
        self.path = self._record(lambda: trainer.path_step(max(1, batch // 2)))

    def _record(self, work: Callable[[], Tensor]) -> RecordedStep:
        return RecordedStep(work, self.trainer.device)

    def _draw(self) -> None:
        """Fresh latents; where none are mixed, the second set takes over behind the last style."""
        first, second, crossover = self.trainer.latents(len(self.real))
        self.first.copy_(first)
        if second is not None:
            self.second.copy_(second)
        self.crossover.fill_(self.trainer.generator.styles if second is None else crossover)

    def discriminator_step(self, real: Tensor) -> Tensor:
        """On images (batch, 3, S, S) in [-1, 1], which R1 sees too."""
        self.real.copy_(real)
        self._draw()
        return self.discriminator()

    def generator_step(self, _count: int) -> Tensor:
        self._draw()
        return self.generator()

    def r1_step(self, _real: Tensor) -> Tensor:
        return self.r1()

    def path_step(self, _count: int) -> Tensor:
        return self.path()
