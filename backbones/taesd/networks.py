"""TAESD (Ollin Boer Bohan 2023): an autoencoder of 2.4 M numbers, distilled from the VAE of a latent diffusion model.

Layers have the places in their sequence that published files call them by.
"""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor, nn

from .config import TaesdConfig

WIDTH = 64
"""Channels of every layer between image and latents."""
LIMIT = 3.0
"""Latents reach the decoder within this distance of zero."""
GROUPS, WIDER = 4, 4
"""Of the branch that looks at the whole image: groups of its norm, and how much wider it is."""


def conv3(inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)


class Block(nn.Module):
    """Three convolutions on a residual; a pooled one first adds what a norm over the whole image says."""

    def __init__(self, pooled: bool) -> None:
        super().__init__()
        first, second, third = (conv3(WIDTH, WIDTH) for _ in range(3))
        self.conv = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
        self.pool = _whole_image(WIDTH) if pooled else None

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, 64, h, w) to maps of the same shape, rectified."""
        maps = maps if self.pool is None else maps + self.pool(maps)
        return torch.relu(maps + self.conv(maps))


def _whole_image(width: int) -> nn.Sequential:
    wide = width * WIDER
    into, out = (nn.Conv2d(*sides, 1, bias=False) for sides in ((width, wide), (wide, width)))
    return nn.Sequential(into, nn.GroupNorm(GROUPS, wide), nn.ReLU(), out)


class Bound(nn.Module):
    """Latents, softly held within three of zero."""

    def forward(self, latents: Tensor) -> Tensor:
        return LIMIT * torch.tanh(latents / LIMIT)


def encoder(config: TaesdConfig) -> nn.Sequential:
    """Images (N, 3, S, S) in [0, 1] to latents (N, latent, S/8, S/8)."""
    levels = ([conv3(WIDTH, WIDTH, stride=2, bias=False), *_blocks(3, config.pooled and last)] for last in (0, 0, 1))
    return nn.Sequential(conv3(3, WIDTH), Block(False), *chain(*levels), conv3(WIDTH, config.latent))


def decoder(config: TaesdConfig) -> nn.Sequential:
    """Latents (N, latent, S/8, S/8) to images (N, 3, S, S), in [0, 1] but for overshoots."""
    start = Bound(), conv3(config.latent, WIDTH), nn.ReLU()
    levels = ([*_blocks(3, config.pooled and first), *_double()] for first in (1, 0, 0))
    return nn.Sequential(*start, *chain(*levels), Block(False), conv3(WIDTH, 3))


def _blocks(count: int, pooled: bool | int) -> list[Block]:
    return [Block(bool(pooled)) for _ in range(count)]


def _double() -> tuple[nn.Module, nn.Module]:
    return nn.Upsample(scale_factor=2), conv3(WIDTH, WIDTH, bias=False)


class Taesd(nn.Module):
    """Encoder and decoder; called with images (N, 3, S, S) in [0, 1], it gives them back by way of their latents."""

    def __init__(self, config: TaesdConfig) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder(config), decoder(config)

    def forward(self, images: Tensor) -> Tensor:
        given_back: Tensor = self.decoder(self.encoder(images))
        return given_back.clamp(0, 1)

    def blocks(self) -> list[str]:
        """Names of the decoder's residual blocks, in forward order."""
        return [name for name, layer in self.named_modules() if isinstance(layer, Block) and name.startswith("decoder")]
