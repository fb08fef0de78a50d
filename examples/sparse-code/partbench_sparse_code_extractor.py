"""Sparse codes of images: the optimisation that finds one, the maps and the image that it gives."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK, STRIDE = 8, 4
"""Side of a wave's block and distance of the blocks, pixels: every pixel lies in four blocks."""
PENALTY, ROUNDS = 0.02, 40
"""What a wave costs per unit of its height, and the rounds that are spent on finding few."""
PADDING = (BLOCK - STRIDE) // 2


def cosines() -> Tensor:
    """The waves (192, 3, 8, 8): two-dimensional cosines (DCT-II) in three colour directions, each of norm 1."""
    at = torch.arange(BLOCK, dtype=torch.float64)
    wave = torch.cos(pi / BLOCK * (at[None] + 0.5) * at[:, None]) * (2 / BLOCK) ** 0.5
    wave[0] /= 2**0.5
    colours = torch.tensor([[1, 1, 1], [1, 0, -1], [1, -2, 1]], dtype=torch.float64)  # grey, red-blue, green-magenta
    colours /= colours.norm(dim=1, keepdim=True)
    return torch.einsum("ka,ux,vy->kuvaxy", colours, wave, wave).reshape(-1, 3, BLOCK, BLOCK).float()


class SparseCode(nn.Module):
    """An extractor that `Inverts`: images to codes by optimisation, codes to maps and images in one step."""

    waves: Tensor
    cost: Tensor
    settings = f"penalty {PENALTY}, {ROUNDS} rounds"
    """What the codes depend on besides the image: part of the hash under which they are kept."""

    def __init__(self) -> None:
        super().__init__()
        waves = cosines()
        flat = waves.abs().sum((1, 2, 3)) - waves.sum((1, 2, 3)).abs() < 1e-4  # the wave that does not wave: brightness
        self.register_buffer("waves", waves)
        self.register_buffer("cost", PENALTY * (~flat).float()[:, None, None])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (N, 3, S, S) in [0, 1] to maps: what calling a backbone means, whatever it can do besides."""
        return self.maps(self.invert(images))

    @torch.no_grad()
    def invert(self, images: Tensor) -> dict[str, Tensor]:
        """The code (N, 192, S/4, S/4) of each image: half its squared error plus the cost of its waves is least."""
        rate = (STRIDE / BLOCK) ** 2  # one over the largest eigenvalue of what two steps back and forth do
        code = ahead = torch.zeros_like(self._heights(images))
        momentum = 1.0
        for _ in range(ROUNDS):
            better = ahead + rate * self._heights(images - self._sum(ahead))
            better = better.sign() * (better.abs() - rate * self.cost).clamp(min=0)
            following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            ahead = better + (momentum - 1) / following * (better - code)
            code, momentum = better, following
        return {"heights": code.half()}

    @torch.no_grad()
    def maps(self, codes: Mapping[str, Tensor]) -> list[Tensor]:
        """Heights above and below zero apart (N, 384, S/4, S/4), and how much there is of each wave around (S/8)."""
        heights = codes["heights"].float()
        return [torch.cat([heights.relu(), (-heights).relu()], dim=1), F.avg_pool2d(heights.abs(), 2)]

    @torch.no_grad()
    def reconstruct(self, codes: Mapping[str, Tensor]) -> Tensor:
        """The images (N, 3, S, S) in [0, 1] that the waves sum up to."""
        return self._sum(codes["heights"].float()).clamp(0, 1)

    def _sum(self, heights: Tensor) -> Tensor:
        return F.conv_transpose2d(heights, self.waves, stride=STRIDE, padding=PADDING)

    def _heights(self, images: Tensor) -> Tensor:
        return F.conv2d(images, self.waves, stride=STRIDE, padding=PADDING)
