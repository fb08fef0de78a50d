"""Sums over labelled pixels of eq. (1) without F: its Gram matrix, and its sums by class.

U of eq. (1) is a matrix from top to bottom times one from left to right, so that summing the products of two maps over
the pixels of a rectangle needs no pixel: both maps meet at the size of the smaller one. Pixels without a label inside
of the rectangle are read with `sample` and taken away again; or, if they are the most, the labelled ones are added up.
Where a map enlarges itself, they always are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .head import Enlarges
from .pixelwise import enlarges, resize, sample, stretch

AT_ONCE = 2**23
"""Numbers of F that are sampled at once (64 MB)."""


def exact(maps: Sequence[Tensor], size: int) -> list[Tensor]:
    """Maps (1, C, h, w) in double precision, larger ones made smaller; on a CPU if their device has no doubles."""
    device = "cpu" if maps[0].device.type == "mps" else maps[0].device
    doubles = (layer.to(device).double() for layer in maps)
    return [layer if enlarges(layer, size) else resize(layer, size) for layer in doubles]


def class_sums(maps: Sequence[Tensor], mask: Tensor, classes: int) -> Tensor:
    """The sum of F over the pixels of each class, (ΣC, K), for maps that are `exact` and a mask (S, S)."""
    mask = mask.to(maps[0].device)
    if _own_way(maps):
        return _sampled_sums(maps, mask, classes)
    members = (torch.arange(classes, device=mask.device)[:, None, None] == mask).double()
    everywhere = torch.ones_like(members[0, 0])
    axes = Axes(len(mask), everywhere, everywhere)
    return torch.cat([layer[0].flatten(1) @ axes.pull(members, layer.shape[-2:]).flatten(1).T for layer in maps])


def gram(maps: Sequence[Tensor], labelled: Tensor) -> Tensor:
    """Fᵀ F over the pixels where `labelled` (S, S), (ΣC, ΣC), for maps that are `exact`."""
    labelled = labelled.to(maps[0].device)
    rows, columns = labelled.any(1), labelled.any(0)
    holes = rows[:, None] & columns & ~labelled
    if _own_way(maps) or holes.sum() > labelled.sum():
        return _sampled(maps, labelled)
    whole = _rectangle(maps, Axes(len(labelled), rows.double(), columns.double()))
    return whole - _sampled(maps, holes) if holes.any() else whole


@dataclass(frozen=True)
class Axes:
    """A rectangle of a grid of size x size, as the weights (S,) of its rows and columns."""

    size: int
    rows: Tensor
    columns: Tensor

    def pull(self, layer: Tensor, shape: Sequence[int]) -> Tensor:
        """Uᵀ of a map of `shape` times U of `layer` (..., h, w), summed over the rectangle: (..., *shape)."""
        down = self._meet(self.rows, layer.shape[-2], shape[0])
        across = self._meet(self.columns, layer.shape[-1], shape[1])
        layer = down @ layer if down.dim() == 2 else down[:, None] * layer
        return layer @ across.T if across.dim() == 2 else layer * across

    def _meet(self, weights: Tensor, length: int, shorter: int) -> Tensor:
        """The matrix (shorter, length) along one axis, or its diagonal if both are as long as the grid."""
        if length == shorter == self.size:
            return weights
        to, of = (stretch(one, self.size, weights) for one in (shorter, length))
        return to.T @ (weights[:, None] * of)


def _rectangle(maps: Sequence[Tensor], axes: Axes) -> Tensor:
    """The Gram matrix over a rectangle: maps of one size go together, and a larger one meets each smaller one."""
    places = torch.arange(sum(layer.shape[1] for layer in maps), device=maps[0].device)
    parts = torch.split(places, [layer.shape[1] for layer in maps])
    shapes = sorted({layer.shape[-2:] for layer in maps}, key=lambda shape: shape[0] * shape[1])
    total = maps[0].new_zeros(len(places), len(places))
    groups = []
    for shape in shapes:
        same = [i for i, layer in enumerate(maps) if layer.shape[-2:] == shape]
        groups.append((torch.cat([parts[i] for i in same]), torch.cat([maps[i][0] for i in same])))
    for i, (mine, small) in enumerate(groups):
        for others, large in groups[i:]:
            block = small.flatten(1) @ axes.pull(large, small.shape[-2:]).flatten(1).T
            total[mine[:, None], others] = block
            total[others[:, None], mine] = block.T
    return total


def _own_way(maps: Sequence[Tensor]) -> bool:
    """Whether a map is enlarged otherwise than by a matrix on either side."""
    return any(isinstance(layer, Enlarges) for layer in maps)


def _sampled(maps: Sequence[Tensor], chosen: Tensor) -> Tensor:
    """The Gram matrix over some pixels, read a few at a time."""
    channels = sum(layer.shape[1] for layer in maps)
    total = maps[0].new_zeros(channels, channels)
    for _, columns in _columns(maps, chosen):
        total.addmm_(columns, columns.T)
    return total


def _sampled_sums(maps: Sequence[Tensor], mask: Tensor, classes: int) -> Tensor:
    """The sums by class, read a few pixels at a time."""
    total = maps[0].new_zeros(sum(layer.shape[1] for layer in maps), classes)
    for pixels, columns in _columns(maps, mask < classes):
        total.index_add_(1, mask.flatten()[pixels], columns)
    return total


def _columns(maps: Sequence[Tensor], chosen: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Some of the chosen pixels (P,) after the other, and F there (ΣC, P)."""
    pixels = chosen.flatten().nonzero()[:, 0]
    for some in pixels.split(max(1, AT_ONCE // sum(layer.shape[1] for layer in maps))):
        yield some, sample(maps, some[None], len(chosen))[0]
