"""Probes of the backbone checks: test images, calls and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..backbone import Backbone, Extractor, Inverts

if TYPE_CHECKING:
    from ..backbone import Codes, Maps

COUNT = 2
"""Images per check."""
TOLERANCE = 1e-3
"""Difference, relative to a map's largest value, that rounding may explain."""


def images_for(backbone: Backbone) -> Tensor:
    """Images (2, 3, S, S) in [0, 1] of the size that it declares, always the same."""
    return clouds(COUNT, backbone.size)


@torch.no_grad()
def run(extractor: Extractor, images: Tensor) -> Maps:
    """The maps of images, without a gradient."""
    return extractor(images)


@torch.no_grad()
def decode(extractor: Inverts, codes: Codes) -> Maps:
    """The maps of codes, without a gradient."""
    return extractor.maps(codes)


def rows(codes: Mapping[str, Tensor], order: slice | list[int]) -> dict[str, Tensor]:
    """The codes of some of the images."""
    return {name: code[order] for name, code in codes.items()}


def close(one: Maps, other: Maps) -> bool:
    """Whether maps have the same forms and, but for rounding, the same numbers."""
    if [layer.shape for layer in one] != [layer.shape for layer in other]:
        return False
    return all((a - b).abs().max() <= TOLERANCE * a.abs().max() for a, b in zip(one, other, strict=True))


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
