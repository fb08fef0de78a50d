"""The U-Net of DDPM (Ho, Jain and Abbeel 2020, appendix B): residual blocks that know the step, and skips."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import BLOCKS, PATCH, DDPMConfig

RGB = 3
GROUPS = 4
"""Of every normalisation."""


def conv3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1)


def silent(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer, saying nothing at first, so that what it is added to passes as it is."""
    assert layer.bias is not None
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Residual(nn.Module):
    """Two convolutions, shifted between them by what the step says: (N, inputs, h, w) to (N, outputs, h, w)."""

    def __init__(self, inputs: int, outputs: int, time: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(GROUPS, inputs), conv3(inputs, outputs)
        self.time = nn.Linear(time, outputs)
        self.norm2, self.conv2 = nn.GroupNorm(GROUPS, outputs), silent(conv3(outputs, outputs))
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, maps: Tensor, time: Tensor) -> Tensor:
        inner = self.conv1(F.silu(self.norm1(maps))) + self.time(time)[:, :, None, None]
        out: Tensor = self.shortcut(maps) + self.conv2(F.silu(self.norm2(inner)))
        return out


class Attention(nn.Module):
    """Every place looks at every other, on a residual: (N, C, h, w) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.ask = nn.GroupNorm(GROUPS, channels), nn.Conv2d(channels, 3 * channels, 1)
        self.answer = silent(nn.Conv2d(channels, channels, 1))

    def forward(self, maps: Tensor) -> Tensor:
        query, key, value = self.ask(self.norm(maps)).flatten(2).mT.chunk(3, 2)
        seen = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = maps + self.answer(seen.mT.unflatten(2, maps.shape[2:]))
        return out


class UNet(nn.Module):
    """Noisy images (N, 3, S, S) and their steps (N,) to the noise in them, (N, 3, S, S)."""

    def __init__(self, config: DDPMConfig) -> None:
        super().__init__()
        self.config, widths = config, config.widths
        self.frequencies, time = widths[0], 4 * widths[0]
        self.embed = nn.Sequential(nn.Linear(widths[0], time), nn.SiLU(), nn.Linear(time, time), nn.SiLU())
        self.stem = conv3(RGB * PATCH**2, widths[0])
        self.encoder = nn.ModuleList(Residual(i, o, time) for i, o in pairwise((widths[0], *widths)))
        self.shrink = nn.ModuleList(conv3(width, width, stride=2) for width in widths[:-1])
        self.middle, self.attention = Residual(widths[-1], widths[-1], time), Attention(widths[-1])
        self.decoder, self.enlarge = _decoder(widths, time)
        self.norm, self.out = nn.GroupNorm(GROUPS, widths[0]), silent(conv3(widths[0], RGB * PATCH**2))

    def forward(self, noisy: Tensor, steps: Tensor) -> Tensor:
        patches = self.out(F.silu(self.norm(self.blocks(noisy, steps)[-1])))
        return F.pixel_shuffle(patches, PATCH)

    def blocks(self, noisy: Tensor, steps: Tensor) -> list[Tensor]:
        """The output of every block of the decoder, coarse to fine."""
        time = self.embed(sinusoids(steps, self.frequencies).to(noisy))
        x, passed = self._encode(noisy, time)
        x, seen = self.attention(self.middle(x, time)), []
        for index, block in enumerate(self.decoder):
            if index and index % BLOCKS == 0:
                x = self.enlarge[index // BLOCKS - 1](F.interpolate(x, scale_factor=2.0, mode="nearest"))
            x = block(torch.cat([x, passed.pop()], 1), time)
            seen.append(x)
        return seen

    def _encode(self, noisy: Tensor, time: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The coarsest map, and what is passed on to the blocks of the decoder, which take the last one first."""
        x = self.stem(F.pixel_unshuffle(noisy, PATCH))
        passed = [x]
        for level, block in enumerate(self.encoder):
            x = block(x, time)
            passed.append(x)
            if level < len(self.shrink):
                x = self.shrink[level](x)
                passed.append(x)
        return x, passed


def _decoder(widths: tuple[int, ...], time: int) -> tuple[nn.ModuleList, nn.ModuleList]:
    """The blocks, coarse to fine, and the convolutions behind each doubling."""
    skips, inputs, blocks = [widths[0]], widths[-1], []
    for level, width in enumerate(widths):
        skips += [width, width] if level < len(widths) - 1 else [width]
    for width in reversed(widths):
        for _ in range(BLOCKS):
            blocks.append(Residual(inputs + skips.pop(), width, time))
            inputs = width
    return nn.ModuleList(blocks), nn.ModuleList(conv3(width, width) for width in reversed(widths[1:]))


def sinusoids(steps: Tensor, count: int) -> Tensor:
    """Steps (N,) as sines and cosines (N, count) of wavelengths from 2π to 20,000π (Vaswani et al. 2017)."""
    rates = torch.exp(-math.log(1e4) * torch.arange(count // 2, device=steps.device) / (count // 2))
    angles = steps[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)
