"""The nearest-neighbour head: a pixel takes the class of the labelled pixels that are nearest by cosine.

The labelled pixels that it compares with, its bank, are a first layer: their features, of length one, are weights, so
that cosines come exactly through eq. (1), a block of the bank at a time, and F is never made. The length of the pixel
that asks changes no order. A class that no shot shows gets no votes and is never predicted. It has no steps.

The bank, how it is drawn, and the votes were chosen on validation images: docs/pages/protocol.md has the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .head import HeadError, Rows
from .pixelwise import project, sample

BANK = 4096
"""Labelled pixels that it keeps at most, drawn from those of all shots alike."""
NEIGHBOURS = 3
"""Votes."""
FIRST = 1e-3
"""What the nearest vote weighs more than 1, each further one half as much more: where votes are equal it decides."""
FLOOR = 1e-3
"""The least share of votes that a class is given, when its logarithm becomes a logit."""
AT_ONCE = 2**21
"""Similarities that are held at once (8 MB as float32: beyond a CPU's cache it is slower)."""
GROUP = 16
"""Places of the bank whose nearest is found first."""


class Knn(nn.Module):
    """Logarithms of the shares of votes."""

    bank: Tensor
    labels: Tensor

    def __init__(self, channels: Sequence[int], classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.register_buffer("bank", torch.zeros(BANK, sum(channels)))
        self.register_buffer("labels", torch.full((BANK,), classes))  # of places that are not taken

    @torch.no_grad()
    def solve(self, shot: Callable[[int], Sequence[Tensor]], masks: Tensor) -> None:
        """Fill the bank from the labelled pixels of all shots."""
        labels, size = masks.flatten(1).cpu(), masks.shape[-1]
        places = (labels < self.classes).flatten().nonzero()[:, 0]
        if not len(places):
            raise HeadError("its shots have no labelled pixel to compare with; label some, or choose other shots")
        places = places[torch.randperm(len(places))[:BANK]].sort().values
        self.bank.zero_()
        self.labels.fill_(self.classes)
        self.labels[: len(places)] = labels.flatten()[places]
        first = 0
        for number in range(len(masks)):
            pixels = places[places // size**2 == number] % size**2
            if len(pixels):
                features = sample(shot(number), pixels[None].to(masks.device), size)[0]
                self.bank[first : first + len(pixels)] = F.normalize(features, dim=0).T
                first += len(pixels)

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        """Maps (N, C_i, h_i, w_i) to logits (N, K, size, size)."""
        return self.rows(maps, (0, size), size)

    def rows(self, maps: Sequence[Tensor], rows: Rows, size: int) -> Tensor:
        """The same in some rows alone: (N, K, bottom - top, size)."""
        step = max(1, AT_ONCE // (2 * NEIGHBOURS * len(maps[0]) * size))
        tops = range(*rows, step)
        return torch.cat([self._strip(maps, (top, min(top + step, rows[1])), size) for top in tops], dim=2)

    def at(self, maps: Sequence[Tensor], pixels: Tensor, size: int) -> Tensor:
        """The same at `pixels` (N, P) alone: (N, K, P)."""
        features = sample(maps, pixels, size)
        return self._vote(F.conv1d(features, block[:, :, None]) for block in self._blocks(pixels.numel()))

    def _strip(self, maps: Sequence[Tensor], rows: Rows, size: int) -> Tensor:
        blocks = self._blocks(len(maps[0]) * (rows[1] - rows[0]) * size)
        logits = self._vote(
            project(maps, block[:, :, None, None], None, size, rows=rows).flatten(2) for block in blocks
        )
        return logits.view(len(logits), self.classes, rows[1] - rows[0], size)

    def _blocks(self, pixels: int) -> Iterator[Tensor]:
        """The bank as far as it is filled, so much at a time as so many pixels can be compared with."""
        filled = self.bank[: int((self.labels < self.classes).sum())]
        if not len(filled):
            raise HeadError("it has no labelled pixels to compare with; let it solve first")
        return iter(filled.split(max(NEIGHBOURS, AT_ONCE // pixels)))

    def _vote(self, blocks: Iterator[Tensor]) -> Tensor:
        """Logits (N, K, P) by similarities (N, units, P) of one block of the bank after the other."""
        best, units, first = None, None, 0
        for similar in blocks:
            some, places = _nearest(similar)
            places = places + first
            first += similar.shape[1]
            if best is not None and units is not None:
                places = torch.cat((units, places), dim=1)
                some, kept = _nearest(torch.cat((best, some), dim=1))
                places = places.gather(1, kept)
            best, units = some, places
        assert best is not None and units is not None
        return self._shares(self.labels[units], best.dtype)

    def _shares(self, labels: Tensor, dtype: torch.dtype) -> Tensor:
        """Of the labels (N, neighbours, P), the nearest first."""
        weights = 1 + FIRST * 0.5 ** torch.arange(labels.shape[1], dtype=dtype, device=labels.device)
        votes = weights.new_zeros(len(labels), self.classes, labels.shape[2])
        votes.scatter_add_(1, labels, weights[:, None].expand(labels.shape[1:]).expand_as(labels).contiguous())
        return (votes / weights.sum()).clamp(min=FLOOR).log()


def _nearest(similar: Tensor) -> tuple[Tensor, Tensor]:
    """The highest of similarities (N, units, P), and their places, the nearest first.

    They are in the groups whose maxima are highest: on a CPU a maximum is found at a tenth of the time of a place.
    """
    units = similar.shape[1]
    if units <= NEIGHBOURS * GROUP:
        best, places = similar.topk(min(NEIGHBOURS, units), dim=1)
        return best, places
    padded = F.pad(similar, (0, 0, 0, -units % GROUP), value=-math.inf) if units % GROUP else similar
    groups = padded.unflatten(1, (-1, GROUP)).amax(2).topk(NEIGHBOURS, dim=1).indices
    inside = torch.arange(GROUP, device=similar.device)[:, None]
    places = (groups[:, :, None] * GROUP + inside).flatten(1, 2)
    best, chosen = padded.gather(1, places).topk(NEIGHBOURS, dim=1)
    return best, places.gather(1, chosen)
