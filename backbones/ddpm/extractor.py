"""A denoising network as an extractor: noise is added to an image, and the decoder is read while it is found."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from .. import weights
from .config import FAMILY, NOISE_SEED, READ, DDPMConfig
from .diffusion import add_noise, signal_shares
from .networks import UNet


class DDPMExtractor(nn.Module):
    """The decoder's blocks at each of a few steps, with one noise for all images and steps.

    As Baranchuk et al. (2022) read theirs; a map then depends neither on the images beside an image nor on its place.
    """

    noise: Tensor
    kept: Tensor

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.network, size = network, network.config.size
        noise = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(NOISE_SEED))
        self.register_buffer("noise", noise, persistent=False)
        self.register_buffer("kept", signal_shares()[list(READ)], persistent=False)
        self.settings = f"all blocks of the decoder at steps {', '.join(map(str, READ))}, noise of seed {NOISE_SEED}"
        self.eval()

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (N, 3, S, S) in [0, 1] to maps, those of the first step before those of the second."""
        maps: list[Tensor] = []
        for step, kept in zip(READ, self.kept, strict=True):
            noisy = add_noise(images, self.noise, kept.expand(len(images)))
            maps += self.network.blocks(noisy, torch.full((len(images),), step, device=images.device))
        return maps


def trained(file: Path) -> DDPMExtractor:
    """The network of a weights file."""
    network = UNet(weights.read_config(file, FAMILY, DDPMConfig))
    weights.load(file, {"network": network})
    return DDPMExtractor(network)


def untrained(config: DDPMConfig, seed: int) -> DDPMExtractor:
    """The same network before any training: the control `random:ddpm`."""
    return DDPMExtractor(weights.from_seed(lambda: UNet(config), seed))
