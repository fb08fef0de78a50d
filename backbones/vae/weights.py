"""A trained VAE as a weights file and as an extractor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import weights
from ..hooks import Activations
from .config import VAEConfig
from .networks import VAE, convolutions, to_image

FAMILY = "vae"


class VAEExtractor(nn.Module):
    """Gives the outputs of all convolutions of the decoder, for images that entered as the mean of their codes.

    "Feeding an input image into the encoder through the decoder and extracting all activation maps from all
    convolutional layers in the decoder" (supplement): every `nn.Conv2d` in forward order, the 3x3 ones, the 1x1 ones
    on shortcuts, and the last one, whose map is RGB before the sigmoid. Nothing is drawn. It also generates.
    """

    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.encoder, self.latent = vae.encoder, vae.config.latent
        self.decode = Activations(vae.decoder, convolutions(vae.decoder))

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps of images (N, 3, S, S) in [0, 1]."""
        maps: list[Tensor] = self.decode(self.encoder(images)[0])
        return maps

    def sample(self, count: int, seed: int) -> tuple[Tensor, list[Tensor]]:
        """`count` images (N, 3, S, S) in [0, 1], decoded from the prior, and their maps."""
        codes = torch.randn(count, self.latent, generator=torch.Generator().manual_seed(seed))
        maps = self.decode(codes.to(next(self.parameters())))
        return to_image(maps[-1]), maps


def save(path: Path, vae: VAE, card: Mapping[str, str]) -> None:
    """Write encoder and decoder."""
    weights.save(path, FAMILY, vae.config, {"vae": vae}, card)


def read_config(path: Path) -> VAEConfig:
    """The shape of the network in a weights file; no tensor is read."""
    return weights.read_config(path, FAMILY, VAEConfig)


def load(path: Path) -> VAE:
    """The frozen network of a weights file, in float32."""
    vae = VAE(read_config(path))
    weights.load(path, {"vae": vae})
    return vae


def restore(path: Path, vae: VAE) -> None:
    """Fill encoder and decoder of a network in training from a weights file of the same shape."""
    weights.restore(path, FAMILY, vae.config, {"vae": vae})


def untrained(config: VAEConfig, seed: int) -> VAE:
    """The same network before any training: the control `random:vae`."""
    return weights.from_seed(lambda: VAE(config), seed)
