"""Weights files of this StyleGAN2: generator, discriminator and encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from .. import weights
from .config import Config
from .networks import Discriminator, Encoder, Generator

FAMILY = "stylegan2"


@dataclass(frozen=True)
class Networks:
    """What a weights file holds: the averaged generator, and what projects images into it."""

    generator: Generator
    discriminator: Discriminator
    encoder: Encoder

    def parts(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator, "encoder": self.encoder}

    def frozen(self) -> Networks:
        """The same networks, in evaluation and without gradients to their weights."""
        weights.freeze(self.parts())
        return self


def build(config: Config) -> Networks:
    """Untrained networks of this shape."""
    return Networks(Generator(config), Discriminator(config), Encoder(config))


def save(path: Path, networks: Networks, card: Mapping[str, str]) -> None:
    """Write the networks."""
    weights.save(path, FAMILY, networks.generator.config, networks.parts(), card)


def read_config(path: Path) -> Config:
    """The shape of the network in a weights file; no tensor is read."""
    return weights.read_config(path, FAMILY, Config)


def load(path: Path) -> Networks:
    """The frozen networks of a weights file, in float32."""
    networks = build(read_config(path))
    weights.load(path, networks.parts())
    return networks


def untrained(config: Config, seed: int) -> Networks:
    """The same networks before any training: the control `random:stylegan2`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        networks = build(config)
        with torch.no_grad():
            z = torch.randn(10_000, config.latent)
            networks.generator.average.copy_(networks.generator.mapping(z).mean(0))
    return networks.frozen()
