"""Training of StyleGAN2 as published (appendix B), a step at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..backbone import BackboneError
from ..training.distributed import TrainingDevice
from ..training.recorded import can_record, make_capturable
from ..training.trainer import Losses
from .config import StyleGAN2Config
from .encoding import train_encoder
from .losses import discriminator_loss, generator_loss, path_lengths, r1_penalty
from .networks import StyleGAN2Discriminator, StyleGAN2Encoder, StyleGAN2Generator
from .recipe import StyleGAN2Recipe, recipe_for
from .recorded_training import Latents, RecordedTraining
from .weights import Networks, load, save


def optimizer(network: nn.Module, rate: float, lazy: int) -> torch.optim.Adam:
    """Adam corrected for a regulariser that runs every `lazy` steps only."""
    share, parameters = lazy / (lazy + 1), list(network.parameters())
    fused = parameters[0].is_cuda
    return torch.optim.Adam(parameters, rate * share, betas=(0.0, 0.99**share), eps=1e-8, fused=fused)


class StyleGAN2Trainer:
    """Generator, discriminator and averaged generator in training; then the encoder."""

    def __init__(
        self, config: StyleGAN2Config, device: str = "cpu", seed: int = 0, recipe: StyleGAN2Recipe | None = None
    ) -> None:
        torch.manual_seed(seed)
        self.machine = TrainingDevice(device)
        self.device = self.machine.device
        self.recipe = recipe or recipe_for(self.device, config.size)
        self.batch = self.recipe.batch
        self.recorded: RecordedTraining | None = None
        self.generator = StyleGAN2Generator(config).to(self.device)
        self.discriminator = StyleGAN2Discriminator(config).to(self.device)
        self.averaged = copy.deepcopy(self.generator).requires_grad_(False).eval()
        self.encoder = StyleGAN2Encoder(config).to(self.device)
        self.opt_g = optimizer(self.generator, self.recipe.rate, self.recipe.path_every)
        self.opt_d = optimizer(self.discriminator, self.recipe.rate, self.recipe.r1_every)
        self.steps = 0
        self.path_mean = torch.zeros((), device=self.device)
        self.fixed = torch.randn(64, config.latent, device=self.device)
        if self.machine.processes > 1:
            self.machine.seed(seed + 1)

    def latents(self, count: int) -> Latents:
        """Latents, and with the mixing probability a second set and the style at which it takes over."""
        z = torch.randn(count, self.generator.config.latent, device=self.device)
        if torch.rand(()).item() >= self.recipe.mixing:
            return z, None, 0
        return z, torch.randn_like(z), int(torch.randint(1, self.generator.styles, ()).item())

    def record(self) -> None:
        """Record every kind of step on a CUDA device; on others all stays as it is."""
        if can_record(self.device) and self.machine.processes == 1:
            self.machine.recorded = True
            for optimizer in (self.opt_g, self.opt_d):
                make_capturable(optimizer)
            self.recorded = RecordedTraining(self)

    def step(self, images: Tensor) -> Losses:
        """One step of the discriminator and one of the generator."""
        real = images.to(self.device) * 2 - 1
        steps = self.recorded or self
        losses = {"d": steps.discriminator_step(real), "g": steps.generator_step(len(real))}
        if self.steps % self.recipe.r1_every == 0:
            losses["r1"] = steps.r1_step(real)
        if self.steps % self.recipe.path_every == 0:
            losses["path"] = steps.path_step(max(1, len(real) // 2))
        self.steps += 1
        self._average()
        return losses

    def discriminator_step(self, real: Tensor, latents: Latents | None = None) -> Tensor:
        """A step on images (N, 3, S, S) in [-1, 1] and as many generated ones, of `latents` or of fresh ones."""
        with torch.no_grad(), self.machine.autocast():
            fake = self.generator(*(latents or self.latents(len(real))))
        with self.machine.autocast():
            on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        return self.machine.descend(self.opt_d, discriminator_loss(on_real.float(), on_fake.float()))

    def generator_step(self, count: int, latents: Latents | None = None) -> Tensor:
        """A step on so many generated images, of `latents` or of fresh ones."""
        self.discriminator.requires_grad_(False)
        with self.machine.autocast():
            logits = self.discriminator(self.generator(*(latents or self.latents(count))))
        loss = self.machine.descend(self.opt_g, generator_loss(logits.float()))
        self.discriminator.requires_grad_(True)
        return loss

    def r1_step(self, real: Tensor) -> Tensor:
        """R1 on images (N, 3, S, S) in [-1, 1]."""
        penalty = r1_penalty(self.discriminator, real)
        return self.machine.descend(self.opt_d, penalty * (self.recipe.r1_gamma / 2 * self.recipe.r1_every))

    def path_step(self, count: int) -> Tensor:
        """The path length penalty on so many generated images."""
        z = torch.randn(count, self.generator.config.latent, device=self.device)
        lengths = path_lengths(self.generator, z)
        mean = self.path_mean.lerp(lengths.mean(), self.recipe.path_decay)
        self.path_mean.copy_(mean.detach())
        penalty = (lengths - mean).square().mean()
        return self.machine.descend(self.opt_g, penalty * (self.recipe.path_weight * self.recipe.path_every))

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged generator towards the one in training."""
        seen = self.steps * self.batch * self.machine.processes
        half_life = min(self.recipe.ema_kimg * 1000, seen * self.recipe.ema_rampup)
        weight = 1 - 0.5 ** (self.batch * self.machine.processes / max(half_life, 1e-8))
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.generator.parameters()), weight)

    def finish(self, budget: float, report: Callable[[str], None]) -> None:
        """Mean of w from 10,000 latents, then the encoder, trained on generated pairs."""
        z = torch.randn(10_000, self.generator.config.latent, device=self.device)
        self.averaged.average.copy_(self.averaged.mapping(z).mean(0))
        train_encoder(self.encoder, self.averaged, self.discriminator, budget, report)
        self.discriminator.requires_grad_(True)

    @torch.no_grad()
    def picture(self) -> Tensor:
        """64 samples of the averaged generator, always from the same latents."""
        noise = [torch.zeros(1, 1, r, r, device=self.device) for r, _ in self.generator.config.layers]
        styles = self.averaged.broadcast(self.averaged.mapping(self.fixed))
        images, _ = self.averaged.synthesis(styles, noise)
        return (images / 2 + 0.5).clamp(0, 1)

    def measure(self, _images: Tensor) -> Mapping[str, float]:
        """Nothing: samples are looked at, and the score is the measure."""
        return {}

    def _parts(self) -> dict[str, Any]:
        names = ("generator", "discriminator", "averaged", "encoder", "opt_g", "opt_d")
        return {name: getattr(self, name) for name in names}

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {name: part.state_dict() for name, part in self._parts().items()}
        state |= {"steps": self.steps, "path_mean": self.path_mean, "fixed": self.fixed}
        return state | self.machine.random_state()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        for group in (*self.opt_g.param_groups, *self.opt_d.param_groups):
            group["capturable"] = False  # of the device that saved it
        self.steps = int(state["steps"])
        self.path_mean, self.fixed = state["path_mean"].to(self.device), state["fixed"].to(self.device)
        self.machine.set_random_state(state)

    def go_on_from(self, weights: Path, images: int) -> None:
        """Begin with the averaged generator, the discriminator and any encoder of a weights file of the same shape."""
        networks, own = load(weights), self.generator.config
        if networks.generator.config != own:
            raise BackboneError(f"{weights} holds a StyleGAN2 of another shape; go on from one of {own.size} pixels")
        if networks.discriminator is None:
            raise BackboneError(f"{weights} holds no discriminator to learn from; go on from a file that does")
        for network in (self.generator, self.averaged):
            network.load_state_dict(networks.generator.state_dict())
        self.discriminator.load_state_dict(networks.discriminator.state_dict())
        if networks.encoder is not None:
            self.encoder.load_state_dict(networks.encoder.state_dict())
        self.steps = images // (self.batch * self.machine.processes)

    def save(self, path: Path, card: Mapping[str, str]) -> None:
        save(path, Networks(self.averaged, self.discriminator, self.encoder), card)
