"""The generator and the discriminator of StyleGAN2, as published: skip generator, residual discriminator."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .checkpointing import checkpointed
from .config import StyleGAN2Config
from .layers import EqualConv, EqualLinear, StyledConv, ToRGB


class MappingNetwork(nn.Module):
    """The mapping network f: z to w, after z is brought to the unit hypersphere."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        layers = [EqualLinear(config.latent, config.latent, rate=0.01, activate=True) for _ in range(config.depth)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        """(N, latent) to (N, latent)."""
        w: Tensor = self.layers(z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8))
        return w


class StyleGAN2Generator(nn.Module):
    """The synthesis network g behind the mapping network f; images in [-1, 1]."""

    average: Tensor

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.config = config
        self.mapping = MappingNetwork(config)
        self.constant = nn.Parameter(torch.randn(1, config.channels(4), 4, 4))
        self.register_buffer("average", torch.zeros(config.latent))
        inputs = [config.channels(4), *(c for _, c in config.layers[:-1])]
        self.convs = nn.ModuleList(
            StyledConv(c_in, c, config.latent, up=i % 2 == 1)
            for i, (c_in, (_, c)) in enumerate(zip(inputs, config.layers, strict=True))
        )
        self.rgbs = nn.ModuleList(ToRGB(config.channels(r), config.latent, up=r > 4) for r in config.sides)

    @property
    def styles(self) -> int:
        """Number L of styles in w+: one per convolution and one for the last ToRGB."""
        return len(self.convs) + 1

    def noise(self, count: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """Fresh noise for `count` images, (count, 1, side, side) per convolution."""
        device = self.constant.device
        return [torch.randn(count, 1, r, r, generator=generator, device=device) for r, _ in self.config.layers]

    def synthesis(self, styles: Tensor, noise: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Images (N, 3, S, S) in [-1, 1] of w+ (N, L, latent), and the activation map of every convolution."""
        x = self.constant.expand(len(styles), -1, -1, -1).contiguous(memory_format=torch.channels_last)
        maps: list[Tensor] = []
        rgb: Tensor | None = None
        for side in range(len(self.rgbs)):
            *found, rgb = checkpointed(self._side, side, x, rgb, styles, noise)
            maps += found
            x = maps[-1]
        assert rgb is not None
        return rgb, maps

    def _side(
        self, side: int, x: Tensor, rgb: Tensor | None, styles: Tensor, noise: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        """The maps of the convolutions of one side, by its number, and the image so far."""
        maps, last = [], 2 * side
        for i in range(max(0, last - 1), last + 1):
            x = self.convs[i](x, styles[:, i], noise[i])
            maps.append(x)
        return *maps, self.rgbs[side](x, styles[:, last + 1], rgb)

    def broadcast(self, w: Tensor) -> Tensor:
        """w (N, latent) as w+ (N, L, latent)."""
        return w[:, None].expand(-1, self.styles, -1)

    def forward(self, z: Tensor, mix: Tensor | None = None, crossover: int | Tensor = 0) -> Tensor:
        """Images of latents (N, latent); from style `crossover`, () if a tensor, on those of `mix` (style mixing)."""
        styles = self.broadcast(self.mapping(z))
        if mix is not None and isinstance(crossover, Tensor):
            mixed = torch.arange(self.styles, device=z.device) >= crossover
            styles = torch.where(mixed[None, :, None], self.broadcast(self.mapping(mix)), styles)
        elif mix is not None:
            styles = torch.cat([styles[:, :crossover], self.broadcast(self.mapping(mix))[:, crossover:]], 1)
        images, _ = self.synthesis(styles, self.noise(len(z)))
        return images


class Residual(nn.Module):
    """Two convolutions and a downsampling, beside a 1x1 skip; their sum keeps its variance."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = EqualConv(inputs, inputs, 3)
        self.second = EqualConv(inputs, outputs, 3, down=True)
        self.skip = EqualConv(inputs, outputs, 1, down=True, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        deep: Tensor = self.second(self.first(x))
        skip: Tensor = self.skip(x)
        return (deep + skip) * math.sqrt(0.5)


def minibatch_stddev(x: Tensor, group: int = 4) -> Tensor:
    """x (N, C, h, w) with one more channel: the mean standard deviation over groups of `group` images."""
    count, channels, h, w = x.shape
    group = group if count % group == 0 else count
    grouped = x.reshape(group, -1, channels, h, w)
    deviation = (grouped.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, deviation.repeat(group)[:, None, None, None].expand(-1, 1, h, w)], 1)


class StyleGAN2Discriminator(nn.Module):
    """A residual network from images in [-1, 1] to one logit; its activations serve as a perceptual distance."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.config = config
        sides = config.sides[::-1]
        self.stem = EqualConv(3, config.channels(config.size), 1)
        self.blocks = nn.ModuleList(Residual(config.channels(r), config.channels(r // 2)) for r in sides[:-1])
        top = config.channels(4)
        self.last = EqualConv(top + 1, top, 3)
        self.dense = EqualLinear(top * 16, top, activate=True)
        self.logit = EqualLinear(top, 1)

    def features(self, images: Tensor) -> list[Tensor]:
        """Activations behind the stem and behind every block, finest first."""
        x = self.stem(images.contiguous(memory_format=torch.channels_last))
        out = [x]
        for block in self.blocks:
            x = checkpointed(block, x)
            out.append(x)
        return out

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N,) of images (N, 3, S, S) in [-1, 1]."""
        x = self.last(minibatch_stddev(self.features(images)[-1]))
        logits: Tensor = self.logit(self.dense(x.flatten(1)))
        return logits.squeeze(1)


class StyleGAN2Encoder(nn.Module):
    """A residual network from images in [-1, 1] to w+, as offsets from the mean of w."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        sides = config.sides[::-1]
        self.styles = len(config.layers) + 1
        self.stem = EqualConv(3, config.channels(config.size), 1)
        self.blocks = nn.ModuleList(Residual(config.channels(r), config.channels(r // 2)) for r in sides[:-1])
        top = config.channels(4)
        self.dense = EqualLinear(top * 16, 2 * top, activate=True)
        self.head = EqualLinear(2 * top, self.styles * config.latent)

    def forward(self, images: Tensor) -> Tensor:
        """Offsets (N, L, latent) of images (N, 3, S, S) in [-1, 1]."""
        x = self.stem(images.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x)
        offsets: Tensor = self.head(self.dense(x.flatten(1)))
        return offsets.reshape(len(images), self.styles, -1)
