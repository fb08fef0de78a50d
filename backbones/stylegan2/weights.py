"""Weights files of this StyleGAN2: generator, and where it has them discriminator and encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .. import weights
from .config import StyleGAN2Config
from .networks import StyleGAN2Discriminator, StyleGAN2Encoder, StyleGAN2Generator

FAMILY = "stylegan2"


@dataclass(frozen=True)
class Networks:
    """What a weights file holds: the averaged generator, and what helps to project images into it."""

    generator: StyleGAN2Generator
    discriminator: StyleGAN2Discriminator | None
    """None: projection compares images by VGG16, or by their pixels."""
    encoder: StyleGAN2Encoder | None
    """None: projection starts from the mean of w, as in every published network."""

    def parts(self) -> dict[str, nn.Module]:
        """Those that are there, by name."""
        parts = {"generator": self.generator, "discriminator": self.discriminator, "encoder": self.encoder}
        return {name: part for name, part in parts.items() if part is not None}

    def frozen(self) -> Networks:
        """The same networks, in evaluation and without gradients to their weights."""
        weights.freeze(self.parts())
        return self


def build(config: StyleGAN2Config) -> Networks:
    """Untrained networks of this shape."""
    return Networks(StyleGAN2Generator(config), StyleGAN2Discriminator(config), StyleGAN2Encoder(config))


def save(path: Path, networks: Networks, card: Mapping[str, str]) -> None:
    """Write the networks."""
    weights.save(path, FAMILY, networks.generator.config, networks.parts(), card)


def read_config(path: Path) -> StyleGAN2Config:
    """The shape of the network in a weights file; no tensor is read."""
    return weights.read_config(path, FAMILY, StyleGAN2Config)


def read_parts(path: Path) -> frozenset[str]:
    """Which networks a weights file holds; no tensor is read."""
    return weights.read_parts(path)


def load(path: Path) -> Networks:
    """The frozen networks of a weights file, in float32."""
    config, held = read_config(path), read_parts(path)
    networks = Networks(
        StyleGAN2Generator(config),
        StyleGAN2Discriminator(config) if "discriminator" in held else None,
        StyleGAN2Encoder(config) if "encoder" in held else None,
    )
    weights.load(path, networks.parts())
    return networks


def untrained(config: StyleGAN2Config, seed: int) -> Networks:
    """The same networks before any training: the control `random:stylegan2`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        networks = build(config)
        networks.generator.average.copy_(mean_of_w(networks.generator))
    return networks.frozen()


@torch.no_grad()
def mean_of_w(generator: StyleGAN2Generator, random: torch.Generator | None = None) -> Tensor:
    """The mean of w (latent,) over 10,000 latents."""
    w: Tensor = generator.mapping(torch.randn(10_000, generator.config.latent, generator=random))
    return w.mean(0)
