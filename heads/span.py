"""The span of some images' maps: a basis in which least squares on F has fewer numbers to solve for.

A map of h x w cells and C channels says no more of n images than n h w vectors do, whatever U makes of it between the
cells. Where those are fewer than the channels (four layers of a ViT-L have 4,096, ten images of 224 pixels 1,960),
the weights of a ridge lie in their span, and the channels may be turned into it first. Exact: the basis is orthonormal,
so that a ridge on the one weights is the same ridge on the other, and U keeps channels apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .head import Enlarges


@dataclass(frozen=True)
class Turn:
    """Some maps of one size, and the basis that takes their place."""

    places: tuple[int, ...]
    """Of the maps among all."""
    basis: Tensor
    """(ΣC of those maps, cells of all images), orthonormal columns."""


@dataclass(frozen=True)
class Span:
    """Where maps are turned; those of other sizes stay as they are."""

    channels: tuple[int, ...]
    """Of every map as it came."""
    turns: tuple[Turn, ...]

    def narrow(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps (1, C, h, w): those that stay, then one of fewer channels for each turn."""
        turned = [
            torch.einsum("cr,nchw->nrhw", turn.basis, torch.cat([maps[i] for i in turn.places], dim=1))
            for turn in self.turns
        ]
        return [maps[i] for i in self._staying()] + turned

    def widen(self, weights: Tensor) -> Tensor:
        """Weights (Σr + 1, K) of what `narrow` makes and of a one behind it, as weights (ΣC + 1, K) of the maps."""
        staying = self._staying()
        sizes = [self.channels[i] for i in staying] + [turn.basis.shape[1] for turn in self.turns] + [1]
        *parts, intercepts = weights.split(sizes)
        found = dict(zip(staying, parts, strict=False))
        for turn, part in zip(self.turns, parts[len(staying) :], strict=True):
            wide = (turn.basis @ part).split([self.channels[i] for i in turn.places])
            found.update(zip(turn.places, wide, strict=True))
        return torch.cat([*(found[i] for i in range(len(self.channels))), intercepts])

    def _staying(self) -> list[int]:
        turned = {i for turn in self.turns for i in turn.places}
        return [i for i in range(len(self.channels)) if i not in turned]


def span_of(shot: Callable[[int], Sequence[Tensor]], shots: int, fits: int) -> Span:
    """The span of the maps `shot(i)`, (1, C, h, w) each, turned where so many fits then cost less.

    A map that eq. (1) enlarges in a way of its own stays. Without one to turn no shot but the first is asked for.
    """
    first = shot(0)
    channels = tuple(layer.shape[1] for layer in first)
    groups: dict[torch.Size, list[int]] = {}
    for i, layer in enumerate(first):
        if not isinstance(layer, Enlarges):
            groups.setdefault(layer.shape[-2:], []).append(i)
    chosen = [
        places
        for shape, places in groups.items()
        if _pays(sum(channels), sum(channels[i] for i in places), shots * shape.numel(), fits)
    ]
    if not chosen:
        return Span(channels, ())
    cells: list[list[Tensor]] = [[] for _ in chosen]
    for number in range(shots):
        maps = shot(number) if number else first
        for seen, places in zip(cells, chosen, strict=True):
            seen.append(torch.cat([maps[i][0].flatten(1) for i in places]))
    bases = [torch.linalg.qr(torch.cat(seen, dim=1)).Q for seen in cells]
    return Span(channels, tuple(Turn(tuple(places), basis) for places, basis in zip(chosen, bases, strict=True)))


def _pays(channels: int, wide: int, cells: int, fits: int) -> bool:
    """Whether the cubes of all fits shrink by more than a basis of the wide maps costs."""
    narrow = channels - wide + cells
    return bool(fits * (channels**3 - narrow**3) / 3 > 4 * wide * cells**2)
