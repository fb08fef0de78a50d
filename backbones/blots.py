"""Probe images for backbone checks: clouds with a block, and the block's place in a map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def clouds(count: int, size: int) -> Tensor:
    """Coloured clouds (count, 3, size, size) in [0, 1], always the same."""
    noise = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, (size, size), mode="bilinear")


def add_block(images: Tensor, row: int = 1, column: int = 6) -> tuple[Tensor, tuple[float, float]]:
    """The images (N, 3, S, S) with a block of black and white, an eighth wide, and its centre; in the upper right.

    The centre is row and column, in sides of the image. It is far from its own mirror images, from its
    transpose and from the middle, so that a map in another order cannot be taken for one in order.
    """
    eighth = max(1, images.shape[-1] // 8)
    rows, columns = (slice(at * eighth, (at + 1) * eighth) for at in (row, column))
    changed = images.clone()
    # Dark turns white and light turns black, so that every pixel changes by half at least.
    changed[:, :, rows, columns] = (images[:, :, rows, columns] < 0.5).float()
    side = images.shape[-1] / eighth
    return changed, ((row + 0.5) / side, (column + 0.5) / side)


def centre(change: Tensor) -> Tensor:
    """The centre of gravity (2,) of a change (h, w): row and column, in sides of the map."""
    share = change.cpu() / change.cpu().sum()
    rows, columns = ((torch.arange(count) + 0.5) / count for count in share.shape)
    return torch.stack([(share.sum(1) * rows).sum(), (share.sum(0) * columns).sum()])
