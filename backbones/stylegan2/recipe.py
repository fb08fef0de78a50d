"""The numbers of StyleGAN2's training, and the batch and rate that a GPU takes."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class StyleGAN2Recipe:
    """Numbers of the training; StyleGAN2, appendix B, but for the gamma that suits small images."""

    batch: int = 16
    """Half of the paper's: with few images to see, more steps are worth more than quieter ones."""
    rate: float = 0.002
    mixing: float = 0.9
    """Share of images whose styles come from two latents."""
    r1_gamma: float = 0.1
    """Weight of R1; the paper's 10 is for 1024 pixels."""
    r1_every: int = 16
    path_every: int = 8
    path_weight: float = 2.0
    path_decay: float = 0.01
    ema_kimg: float = 5.0
    """Half-life of the averaged generator, thousand images."""
    ema_rampup: float = 0.05
    """The half-life is at most this share of the images seen."""


def recipe_for(device: torch.device, size: int) -> StyleGAN2Recipe:
    """On a GPU up to 128 pixels 128 images at the rate of StyleGAN2-ADA, above the paper's 32 and its rate.

    An H100 sees 3,443 images a second with 64 a step, 5,056 with 128 and 6,063 with 256. A rate that grows with the
    batch was not tried.
    """
    if device.type != "cuda":
        return StyleGAN2Recipe()
    return StyleGAN2Recipe(batch=128, rate=0.0025) if size <= 128 else StyleGAN2Recipe(batch=32)
