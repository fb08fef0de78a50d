"""The diffusion of Ho, Jain and Abbeel (2020): how noise is added to an image, and taken away again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from .config import STEPS

FIRST, LAST = 1e-4, 0.02
"""Variances of the noise that the first and the last step add, linear between (section 4)."""


def signal_shares() -> Tensor:
    """ᾱ (STEPS,): the share of an image's variance that is left after each step (equation 4)."""
    return (1 - torch.linspace(FIRST, LAST, STEPS, dtype=torch.float64)).cumprod(0).float()


def add_noise(images: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """Images (N, 3, S, S) in [0, 1] as the network sees them, with `kept` (N,) of the signal (equation 4)."""
    kept = kept[:, None, None, None]
    return kept.sqrt() * (2 * images - 1) + (1 - kept).sqrt() * noise


def remove_noise(noisy: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """The images in [0, 1] from which `add_noise` makes `noisy` with this noise."""
    kept = kept[:, None, None, None]
    return ((noisy - (1 - kept).sqrt() * noise) / kept.sqrt() + 1) / 2


def sample(network: Callable[[Tensor, Tensor], Tensor], noise: Tensor, steps: int) -> Tensor:
    """Images (N, 3, S, S) in [0, 1] from pure noise, in a few even steps and without new noise (DDIM).

    Song, Meng and Ermon (2021), equation 12 with σ = 0; each guess of the image is held to its range.
    """
    shares, x = torch.cat([signal_shares(), torch.ones(1)]).to(noise), noise
    times = torch.linspace(STEPS - 1, 0, steps, device=noise.device).round().long()
    for now, then in pairwise([*times, torch.tensor(-1)]):  # where nothing but the image is left
        kept = shares[now].expand(len(x))
        image = remove_noise(x, network(x, now.expand(len(x))), kept).clamp(0, 1)
        left = (x - kept[0].sqrt() * (2 * image - 1)) / (1 - kept[0]).sqrt()
        x = add_noise(image, left, shares[then].expand(len(x)))
    return (x + 1) / 2
