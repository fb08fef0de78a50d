"""The networks of Pix2Pix (Isola et al. 2017), their weights files, and the decoder as an extractor."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import weights
from ..hooks import Activations
from .config import DROPPED, TASKS, Pix2PixConfig
from .tasks import INPUTS

SPREAD = 0.02
"""Deviation of the Gaussian that the weights start from, as published."""


def layer(conv: nn.Module, activation: nn.Module, norm: int = 0, dropout: float = 0.0) -> nn.Sequential:
    """Convolution, batch norm of so many channels, dropout, activation; the convolution is layer 0."""
    parts = [conv, *([nn.BatchNorm2d(norm)] if norm else []), *([nn.Dropout(dropout)] if dropout else []), activation]
    return nn.Sequential(*parts)


class UNetGenerator(nn.Module):
    """A U-Net: the encoder halves the image down to one pixel, the decoder doubles it again and sees both.

    In the paper's letters, at 256 pixels: C64-C128-C256-C512-C512-C512-C512-C512, then
    CD512-CD512-CD512-C512-C256-C128-C64 and the convolution to the output. The first layer has no norm;
    nor has the innermost, whose one pixel a norm over a batch of one would set to zero (the authors' errata).
    Dropout is the paper's only noise. Here it is off after training, and the norms use running statistics,
    so that an image's maps depend on nothing but the image.
    """

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        self.config = config
        narrow = (TASKS[config.task][0], *config.encoder)
        self.encoder = nn.ModuleList(self._down(i, n, m) for i, (n, m) in enumerate(pairwise(narrow)))
        # Behind the first, every layer of the decoder sees the encoder's map of the same side beside its input.
        wide = (config.encoder[-1], *(2 * channels for channels in config.decoder[:-1]))
        pairs = zip(wide, config.decoder, strict=True)
        self.decoder = nn.ModuleList(self._up(i, n, m) for i, (n, m) in enumerate(pairs))
        self.apply(start)

    def _down(self, index: int, channels: int, out: int) -> nn.Sequential:
        norm = 0 < index < self.config.depth - 1
        conv = nn.Conv2d(channels, out, 4, stride=2, padding=1, bias=not norm)
        return layer(conv, nn.LeakyReLU(0.2, inplace=True), norm=out * norm)

    def _up(self, index: int, channels: int, out: int) -> nn.Sequential:
        last = index == self.config.depth - 1
        conv = nn.ConvTranspose2d(channels, out, 4, stride=2, padding=1, bias=last)
        if last:
            return layer(conv, nn.Tanh())
        return layer(conv, nn.ReLU(inplace=True), norm=out, dropout=0.5 * (index < DROPPED))

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (N, in, S, S) to outputs (N, out, S, S), both in [-1, 1]."""
        kept, x = [], inputs
        for down in self.encoder:
            x = down(x)
            kept.append(x)
        x = self._passed(kept.pop())
        for up in self.decoder:
            x = up(x)
            if kept:
                x = torch.cat([x, self._passed(kept.pop())], dim=1)
        return x

    def _passed(self, x: Tensor) -> Tensor:
        """A map of the encoder as the decoder reads it."""
        return F.relu(x) if self.config.rectified else x


class PatchDiscriminator(nn.Module):
    """A PatchGAN: tells for each of 30 x 30 patches whether input and output belong together.

    C64-C128-C256-C512 and a convolution to one channel, the last two without stride, see 70 of 256 pixels.
    Each doubling of the side adds a layer of stride 2, each halving takes one away, which gives patches of
    9 S / 32 - 2 pixels: 7 of 32, 16 of 64, 34 of 128, 70 of 256, 142 of 512.
    """

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        widths = tuple(config.width * min(2**i, 8) for i in range(config.strided + 1))
        pairs = enumerate(pairwise((sum(TASKS[config.task]), *widths)))
        blocks = [self._block(n, m, 2 if i < config.strided else 1, norm=i > 0) for i, (n, m) in pairs]
        self.layers = nn.Sequential(*blocks, nn.Conv2d(widths[-1], 1, 4, padding=1))
        self.apply(start)

    @staticmethod
    def _block(channels: int, out: int, stride: int, norm: bool) -> nn.Sequential:
        conv = nn.Conv2d(channels, out, 4, stride, padding=1, bias=not norm)
        return layer(conv, nn.LeakyReLU(0.2, inplace=True), norm=out * norm)

    def forward(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """Inputs (N, in, S, S) and outputs (N, out, S, S) to logits (N, 1, 30, 30), positive for real."""
        logits: Tensor = self.layers(torch.cat([inputs, outputs], dim=1))
        return logits


def start(module: nn.Module) -> None:
    """Draw the weights of a convolution."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, std=SPREAD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def extractor(generator: UNetGenerator) -> Activations:
    """The decoder's convolutions as maps (N, channels[i], 2^(i+1), 2^(i+1)), each before its norm."""
    inputs = INPUTS[generator.config.task]
    layers = [f"decoder.{i}.0" for i in range(generator.config.depth)]
    return Activations(generator, layers, forward=lambda network, images: network(inputs(images)))


def save(path: Path, generator: UNetGenerator, card: Mapping[str, str]) -> None:
    """Write the generator."""
    weights.save(path, _family(generator.config.task), generator.config, {"generator": generator}, card)


def read_config(path: Path, task: str) -> Pix2PixConfig:
    """The shape of the network in a weights file for this task; no tensor is read."""
    return weights.read_config(path, _family(task), Pix2PixConfig)


def load(path: Path, task: str) -> UNetGenerator:
    """The frozen generator of a weights file for this task, in float32."""
    generator = UNetGenerator(read_config(path, task))
    weights.load(path, {"generator": generator})
    return generator


def untrained(config: Pix2PixConfig, seed: int) -> UNetGenerator:
    """The same network before any training: the control `random:pix2pix-TASK`."""
    return weights.from_seed(lambda: UNetGenerator(config), seed)


def _family(task: str) -> str:
    return f"pix2pix-{task}"
