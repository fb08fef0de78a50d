"""Fourier features of pixel coordinates."""

from __future__ import annotations

import math

import torch
from torch import Tensor

OCTAVES = 5
"""Frequencies 2^k pi, k = 0..4, that each coordinate is seen through."""


def fourier_features(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Sine and cosine of 2^k pi x and 2^k pi y, (20, height, width), with x and y in [-1, 1] at pixel centres.

    The positional encoding of NeRF (Mildenhall et al. 2020), which Tancik et al. 2020 show to be what
    lets a small network see detail in coordinates.
    """
    y, x = torch.meshgrid(_centres(height, device), _centres(width, device), indexing="ij")
    octaves = [math.pi * 2**k for k in range(OCTAVES)]
    waves = [wave(octave * axis) for octave in octaves for axis in (x, y) for wave in (torch.sin, torch.cos)]
    return torch.stack(waves)


def position(images: Tensor) -> list[Tensor]:
    """The extractor that never looks at a pixel: one map (N, 20, S, S) of images (N, 3, S, S)."""
    height, width = images.shape[-2:]
    features = fourier_features(height, width, images.device)
    return [features.expand(len(images), -1, -1, -1)]


def pixels(images: Tensor) -> list[Tensor]:
    """The extractor that knows colour and place alone: maps (N, 3, S, S) and (N, 20, S, S)."""
    return [images, *position(images)]


def _centres(count: int, device: torch.device | None) -> Tensor:
    return (2 * torch.arange(count, device=device) + 1) / count - 1
