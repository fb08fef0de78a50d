"""Position projected out of the maps, as INSID3 does (Cuttano et al. 2026, "positional debiasing").

What a network says of an image that shows nothing is where it says it. The cells of the maps of a black image, each of
length one and the mean cell taken away, span the positional subspace: the leading left singular vectors of that matrix
(channels, cells). Every map is projected onto its orthogonal complement, one map with its own subspace.

INSID3 does this with the last map of a ViT of 1024 channels. Here two things are added, for maps of other networks:

- a map with no more channels than directions would be empty afterwards (INSID3's code leaves rounding alone of 384
  channels and 500 directions), so that it loses the first half of its channels' number;
- directions that no float32 tells from zero are none: a convolution says the same everywhere but near the border, and
  further singular vectors would be chance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ..backbone import Extractor

if TYPE_CHECKING:
    from ..backbone import Maps


class ProjectPositionOut:
    """Projects the positional subspace out of the maps of an extractor."""

    def __init__(self, inner: Extractor, size: int, directions: int) -> None:
        self.inner, self.size, self.directions = inner, size, directions
        self.bases: list[Tensor] = []
        """Of each map, orthonormal (C, k); found when they are first needed, where the network then is."""

    @property
    def settings(self) -> str:
        counts = ", ".join(f"{basis.shape[1]} of {basis.shape[0]}" for basis in self.bases)
        return counts and f"position projected out: {counts} directions"

    @torch.no_grad()
    def __call__(self, maps: Maps, images: Callable[[], Tensor], height: int, width: int) -> Maps:
        if not self.bases:
            device = maps[0].device
            black = self.inner(torch.zeros(1, 3, self.size, self.size, device=device))
            self.bases = [positional_basis(layer[0], self.directions).to(layer) for layer in black]
        return [_without(layer, basis) for layer, basis in zip(maps, self.bases, strict=True)]


def positional_basis(black: Tensor, directions: int) -> Tensor:
    """The leading directions (C, k) in which a map (C, h, w) of a black image varies, in double precision.

    They are eigenvectors of a matrix (C, C), since maps of a generator have up to a million cells.
    """
    cells = F.normalize(black.cpu().flatten(1).double(), dim=0)
    cells = cells - cells.mean(1, keepdim=True)
    squares, vectors = torch.linalg.eigh(cells @ cells.T)
    least = max(cells.shape) * torch.finfo(torch.float32).eps
    rank = int((squares.clamp(min=0).sqrt() > least).sum())
    channels = len(cells)
    most = directions if directions < channels else channels // 2
    leading: Tensor = vectors.flip(1)[:, : min(rank, most)]
    return leading


def _without(layer: Tensor, basis: Tensor) -> Tensor:
    """A map (N, C, h, w) without its part in the span of a basis (C, k)."""
    cells = layer.flatten(2)
    rest: Tensor = cells - basis @ (basis.T @ cells)
    return rest.view_as(layer)
