"""The lesson: tell the noise in an image from the image, by squared error (Ho et al. 2020, equation 14)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import weights
from ..training.learner import SHOWN, AdamRecipe
from .config import FAMILY, READ, STEPS, DDPMConfig
from .diffusion import add_noise, remove_noise, sample, signal_shares
from .networks import UNet

RECIPE = AdamRecipe(batch=16, rate=1e-3, warmup=100, average=0.998)
CHUNK = 64
"""Images measured at once."""
DRAWN_IN = 16
"""Steps in which the pictures are sampled."""


class DDPMLesson:
    """A denoising network, and noise of every strength."""

    def __init__(self, config: DDPMConfig, recipe: AdamRecipe = RECIPE) -> None:
        self.config, self.recipe = config, recipe
        self.network: nn.Module = UNet(config)
        self.shares = signal_shares()

    def losses(self, network: nn.Module, images: Tensor) -> dict[str, Tensor]:
        """Squared error of the noise, per number; that of answering nothing is 1."""
        steps = torch.randint(STEPS, (len(images),), device=images.device)
        noise = torch.randn_like(images)
        answer = network(add_noise(images, noise, self.shares.to(images)[steps]), steps)
        return {"noise": (answer.float() - noise).square().mean()}

    def picture(self, network: nn.Module, images: Tensor) -> Tensor:
        """Images with the most noise that they are read with and what is seen in them, then as many samples."""
        half, strongest = images[: SHOWN // 2], max(READ)
        noise = fixed_noise(2 * len(half), images)
        steps = torch.full((len(half),), strongest, device=images.device)
        kept = self.shares.to(images)[steps]
        noisy = add_noise(half, noise[: len(half)], kept)
        seen = remove_noise(noisy, network(noisy, steps), kept)
        pairs = torch.stack([(noisy + 1) / 2, seen], 1).flatten(0, 1)
        return torch.cat([pairs, sample(network, noise, DRAWN_IN)]).clamp(0, 1)

    def measure(self, network: nn.Module, images: Tensor) -> dict[str, float]:
        """Squared error of the noise over all steps, and at those that are read, beside that of the mean image.

        The mean image's is the least of a guess that knows it and how far images are from it, and nothing else of what
        is in the noise: one factor times the difference.
        """
        count = torch.arange(len(images), device=images.device)  # each image has one step, evenly spread
        spread = {
            "noise": count * STEPS // len(images),
            "noise as read": torch.tensor(READ).to(count)[count % len(READ)],
        }
        scores: dict[str, float] = {}
        for name, steps in spread.items():
            scores[name], scores[f"{name}, by the mean image"] = self._errors(network, images, steps)
        return scores

    def _errors(self, network: nn.Module, images: Tensor, steps: Tensor) -> tuple[float, float]:
        """Of the network and of the mean image, at one step for each image (N,)."""
        noise, kept = fixed_noise(len(images), images), self.shares.to(images)[steps]
        parts = zip(*(each.split(CHUNK) for each in (images, noise, kept, steps)), strict=True)
        errors = [(network(add_noise(i, n, k), s) - n).square().mean((1, 2, 3)) for i, n, k, s in parts]
        signal = kept * (2 * images - 2 * images.mean(0)).square().mean()
        return torch.cat(errors).mean().item(), (signal / (signal + 1 - kept)).mean().item()

    def save(self, network: nn.Module, path: Path, card: Mapping[str, str]) -> None:
        weights.save(path, FAMILY, self.config, {"network": network}, card)

    def restore(self, network: nn.Module, path: Path) -> None:
        weights.restore(path, FAMILY, self.config, {"network": network})


def fixed_noise(count: int, like: Tensor) -> Tensor:
    """Noise (count, 3, S, S), always the same."""
    return torch.randn(count, *like.shape[1:], generator=torch.Generator().manual_seed(0)).to(like)
