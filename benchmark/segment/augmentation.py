"""The augmentation of section 4.3: random flips, scales, rotations and translations, of a batch at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """The ranges of the random affine maps; the defaults are those of section 4.3."""

    flips: float = 0.5
    """How often a picture is mirrored."""
    scales: tuple[float, float] = (0.5, 2.0)
    """How many times as large it becomes; halving is as likely as doubling."""
    rotation: float = 10.0
    """Degrees, at most, either way."""
    translation: float = 0.5
    """Shift, at most, either way, in sides of the picture."""
    share: float = 1.0
    """How often a picture is scaled, turned and shifted at all."""


def draw_places(augmentation: Augmentation, count: int, random: torch.Generator) -> Tensor:
    """Random affine maps (count, 2, 3) from places in the new picture to places in the old one, both in [-1, 1]."""
    flip, size, angle, right, down, stays = torch.rand(6, count, generator=random)
    moves = (stays < augmentation.share).float()
    low, high = (math.log(scale) for scale in augmentation.scales)
    scale = torch.exp(moves * (low + (high - low) * size))
    turn = math.radians(augmentation.rotation) * moves * (2 * angle - 1)
    side = torch.where(flip < augmentation.flips, -1.0, 1.0)
    cos, sin = turn.cos() / scale, turn.sin() / scale
    linear = torch.stack([torch.stack([side * cos, side * sin], 1), torch.stack([-sin, cos], 1)], 1)
    shift = 2 * augmentation.translation * moves[:, None] * (2 * torch.stack([right, down], 1) - 1)
    return torch.cat([linear, -(linear @ shift[:, :, None])], 2)


def move(pictures: Tensor, places: Tensor, mode: str = "bilinear") -> Tensor:
    """Pictures (N, C, S, S) as they look from `places` (N, 2, 3); what lies beyond their borders is mirrored.

    The paper does not say what stands there. Mirrored, every pixel has a target, and a picture that was halved shows
    several objects. 200 faces then taught more than with black background around them: 61.8 against 53.7 on
    validation faces, 68.6 against 61.7 on four of them in one picture (`paper_weighted`, 150 steps of `quick`).
    """
    grid = F.affine_grid(places.to(pictures), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, mode=mode, padding_mode="reflection", align_corners=False)
