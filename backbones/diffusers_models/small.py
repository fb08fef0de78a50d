"""Small shapes, to try readings out and to check them: networks of diffusers that have learnt nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .reading import CLEANDIFT, DDPM, DIFT, VAE

SMALL_VAE: Mapping[str, Any] = {
    "_class_name": "AutoencoderKL",
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [8, 8, 16, 16],
    "layers_per_block": 2,
    "latent_channels": 4,
    "norm_num_groups": 4,
    "scaling_factor": 0.18215,
}
"""Four levels, as the autoencoders of Stable Diffusion have them."""
SMALL_PIXELS: Mapping[str, Any] = {
    "_class_name": "UNet2DModel",
    "sample_size": 64,
    "in_channels": 3,
    "out_channels": 3,
    "layers_per_block": 2,
    "norm_num_groups": 4,
    "block_out_channels": [8, 8, 16, 16, 24, 24],
    "down_block_types": ["DownBlock2D"] * 4 + ["AttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D"] + ["UpBlock2D"] * 4,
}
"""Six levels of three blocks, as DDPM's network for 256 pixels has them."""
SMALL_LATENTS: Mapping[str, Any] = {
    "_class_name": "UNet2DConditionModel",
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 2,
    "norm_num_groups": 4,
    "block_out_channels": [8, 16, 24, 24],
    "attention_head_dim": 4,
    "cross_attention_dim": 8,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
}
"""Four levels, as the U-Nets of Stable Diffusion have them."""
SMALL = {VAE: SMALL_VAE, DDPM: SMALL_PIXELS, DIFT: SMALL_LATENTS, CLEANDIFT: SMALL_LATENTS}
