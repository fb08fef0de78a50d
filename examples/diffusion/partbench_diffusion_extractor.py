"""A frozen diffusion network that reads images: noise goes in, what its decoder computes comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from partbench.backbones.hooks import Activations

SEED = 0
"""Of the noise, the same for every image and step."""


class DiffusionExtractor(nn.Module):
    """The named layers of a network at each time step, one after the other."""

    noise: Tensor

    def __init__(self, network: nn.Module, names: Sequence[str], kept: Mapping[int, float], size: int) -> None:
        """`kept` is the share of the signal's variance (ᾱ in DDPM) that each time step leaves."""
        super().__init__()
        self.readers = nn.ModuleList(Activations(network, names, partial(denoise, step)) for step in kept)
        self.kept = tuple(kept.values())
        noise = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(SEED))
        self.register_buffer("noise", noise, persistent=False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (N, 3, S, S) in [0, 1] to maps, those of the first time step before those of the second."""
        maps: list[Tensor] = []
        for reader, kept in zip(self.readers, self.kept, strict=True):
            noisy = kept**0.5 * (2 * images - 1) + (1 - kept) ** 0.5 * self.noise
            maps += reader(noisy)
        return maps


def denoise(step: int, network: Any, noisy: Tensor) -> object:
    """One call of the network; what it answers is of no interest here."""
    return network(noisy, step)
