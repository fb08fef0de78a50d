"""How the pixels of an image attend to the cells of its maps: a weighted mean over cells.

The weights depend on the image and on the map as the network gave it. They are the same for every channel, so that a
layer which is linear per pixel may come before them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from .network import HEADS, AnyUp, windows

KEPT = 2**24
"""Numbers of an attention that are kept for the next reading (64 MB); a larger one is computed as it is read."""
AT_ONCE = 2**24
"""Numbers of an attention that are computed at once, and as many times as it has heads."""


@dataclass
class Picture:
    """One image, as AnyUp sees it, for all of its maps."""

    network: AnyUp
    image: Tensor
    """(1, 3, H, W), in [0, 1]."""
    shapes: tuple[tuple[int, int], ...]
    """Of its maps."""
    kept: dict[int, Tensor] = field(default_factory=dict)
    """Queries (heads, S·S, D / heads), by size: those that were asked for last."""
    places: dict[tuple[int, int], Tensor] = field(default_factory=dict)
    """What the keys of a map read of it, (1, D, h, w), by the shape of the map."""

    def queries(self, size: int) -> Tensor:
        if size not in self.kept:
            seen = self.network.look(self.image)
            self.kept = {size: self.network.queries(seen, size)}
            self.places = self.places or self.network.places(seen, self.shapes)
        return self.kept[size]

    @property
    def nbytes(self) -> int:
        return self.image.nbytes + sum(one.nbytes for one in (*self.kept.values(), *self.places.values()))


@dataclass
class Attention:
    """How the pixels of one image attend to the cells of one of its maps."""

    picture: Picture
    raw: Tensor | None
    """The map (1, C, h, w) as the network gave it, until it is first enlarged."""
    shape: tuple[int, int]
    found: Tensor | None = None
    """Keys, (heads, h·w, D / heads)."""
    kept: dict[int, Tensor] = field(default_factory=dict)
    """Whole, (S·S, h·w), by size: one at most."""

    def keys(self) -> Tensor:
        """The keys, once the picture has been asked for queries."""
        if self.found is None:
            assert self.raw is not None
            self.found, self.raw = self.picture.network.keys(self.picture.places[self.shape], self.raw), None
        return self.found

    @property
    def device(self) -> torch.device:
        return self.picture.image.device

    @property
    def cells(self) -> int:
        return self.shape[0] * self.shape[1]

    def rows(self, rows: tuple[int, int], size: int) -> tuple[Tensor, tuple[int, int]]:
        """Weights (pixels, cells) of the pixels in some rows, and the rows of cells that they are of."""
        if (whole := self._whole(size)) is not None:
            return whole[rows[0] * size : rows[1] * size], (0, self.shape[0])
        first, last = windows(size, self.shape[0])
        cells = int(first[rows[0]]), int(last[rows[1] - 1])
        pixels = torch.arange(rows[0] * size, rows[1] * size, device=self.device)
        return self._weights(pixels, size, cells), cells

    def at(self, pixels: Tensor, size: int) -> Tensor:
        """Weights (P, h·w) of some pixels."""
        whole = self._whole(size)
        return self._weights(pixels, size, (0, self.shape[0])) if whole is None else whole[pixels]

    def _whole(self, size: int) -> Tensor | None:
        if size * size * self.cells > KEPT:
            return None
        if size not in self.kept:
            pixels = torch.arange(size * size, device=self.device)
            self.kept = {size: self._weights(pixels, size, (0, self.shape[0]))}
        return self.kept[size]

    @torch.no_grad()
    def _weights(self, pixels: Tensor, size: int, cells: tuple[int, int]) -> Tensor:
        """A softmax over the cells, in some rows, that a pixel looks at, averaged over heads: (P, cells)."""
        queries = self.picture.queries(size)
        keys = self.keys().unflatten(1, self.shape)[:, slice(*cells)].flatten(1, 2)
        parts = []
        for some in pixels.split(max(1, AT_ONCE // (HEADS * keys.shape[1]))):
            logits = queries[:, some] @ keys.transpose(1, 2)
            parts.append(logits.masked_fill(~self._seen(some, size, cells), -torch.inf).softmax(-1).mean(0))
        return torch.cat(parts)

    def _seen(self, pixels: Tensor, size: int, cells: tuple[int, int]) -> Tensor:
        """Which of the cells in some rows each pixel looks at, (P, cells)."""
        inside = []
        for place, length, numbers in (
            (pixels // size, self.shape[0], range(*cells)),
            (pixels % size, self.shape[1], range(self.shape[1])),
        ):
            first, last = (bound.to(pixels.device)[place, None] for bound in windows(size, length))
            number = torch.tensor(numbers, device=pixels.device)
            inside.append((number >= first) & (number < last))
        return (inside[0][:, :, None] & inside[1][:, None]).flatten(1)

    @property
    def nbytes(self) -> int:
        own = sum(one.nbytes for one in (self.raw, self.found, *self.kept.values()) if one is not None)
        return own + self.picture.nbytes // len(self.picture.shapes)
