"""From a reading and a source, or a small shape, to an extractor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..backbone import Extractor
from .extractors import Decoder, Denoiser, LatentDenoiser
from .networks import PROMPT, build, empty_prompt, encoder_of, open_network, schedule_of, signal_shares
from .reading import DDPM, VAE, Reading, layers
from .sizes import factor
from .sources import Source

Config = Mapping[str, Any]


def open_trained(source: Source, reading: Reading, place: str, size: int) -> Extractor:
    """The networks of a source."""
    config, network = source.config(place), open_network(source, place)
    if reading.kind == VAE:
        return Decoder(network, layers(reading, config), reading)
    shares = schedule_of(source)
    if reading.kind == DDPM:
        return Denoiser(network, layers(reading, config), reading, shares, (config["in_channels"], size, size))
    vae, prompt = open_network(source, "vae/"), empty_prompt(source)
    return _latent(network, config, reading, shares, size, vae, source.config("vae/"), prompt)


def open_untrained(reading: Reading, config: Config, vae: Config, size: int, seed: int) -> Extractor:
    """Networks of these shapes before any training; of an empty prompt they are told nothing."""
    network = build(config, seed)
    if reading.kind == VAE:
        return Decoder(network, layers(reading, config), reading)
    if reading.kind == DDPM:
        return Denoiser(
            network, layers(reading, config), reading, signal_shares({}), (config["in_channels"], size, size)
        )
    prompt = torch.zeros(1, PROMPT, config["cross_attention_dim"])
    return _latent(network, config, reading, signal_shares({}), size, build(vae, seed), vae, prompt)


def _latent(
    network: nn.Module, config: Config, reading: Reading, shares: torch.Tensor, size: int,
    vae: nn.Module, vae_config: Config, prompt: torch.Tensor,
) -> Extractor:  # fmt: skip
    side = size // factor(vae_config)
    scale, shift = vae_config.get("scaling_factor") or 1.0, vae_config.get("shift_factor") or 0.0
    rest = layers(reading, config), reading, shares, (config["in_channels"], side, side)
    return LatentDenoiser(encoder_of(vae), prompt, scale, shift, network, *rest)
