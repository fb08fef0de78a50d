"""The side of the images that networks of diffusers are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..backbone import BackboneError
from .reading import DDPM, VAE, VAE_SIZE, Reading


def factor(vae: Mapping[str, Any]) -> int:
    """Pixels between two places of an autoencoder's latents."""
    widths = vae["encoder_block_out_channels"] if vae["_class_name"] == "AutoencoderTiny" else vae["block_out_channels"]
    return int(2 ** (len(widths) - 1))


def size_of(reading: Reading, config: Mapping[str, Any], vae: Mapping[str, Any]) -> int:
    """As the name says, or as the network learnt; every level has to halve it evenly, pixels."""
    levels = factor(config)
    if reading.kind == VAE:
        usual, step = VAE_SIZE, levels
    else:
        places = 1 if reading.kind == DDPM else factor(vae)  # pixels to a place of what the network denoises
        usual, step = _side(config, places), places * levels
    size = reading.size or usual
    if size % step:
        raise BackboneError(f"{reading.kind} cannot read {size} pixels evenly; choose a size that {step} divides")
    return size


def _side(config: Mapping[str, Any], places: int) -> int:
    side = config.get("sample_size")
    if not isinstance(side, int):
        raise BackboneError(f"the network says no one side of its images ({side}); write it in the name, as dift,512")
    return side * places
