"""The MLP heads: the same small network at every pixel (section 4.2; Table 7 for the shorter one)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from .head import Rows
from .pixelwise import Projection, pixelwise, project

BLOCK = {"cpu": 2**21, "cuda": 2**27}
"""Hidden numbers that `Mlp.rows` makes at once (8 MB as float32: beyond a CPU's cache it is half as fast)."""
STRIP = {"cpu": 2**15, "cuda": 2**18}
"""Pixels that go through `Mlp.rows` at once."""


@dataclass(frozen=True)
class MlpWidths:
    """The widths of an MLP's hidden layers, and where the paper gives them."""

    source: str
    hidden: tuple[int, ...]


NETWORKS = {
    "1": MlpWidths("Table 7, 1-hidden; its width is the first of section 4.2", (2000,)),
    "2": MlpWidths("section 4.2; Table 7, 2-hidden", (2000, 200)),
}


class Mlp(nn.Module):
    """A multilayer perceptron at each pixel of F, with ReLU between layers and none after the last."""

    def __init__(self, channels: Sequence[int], classes: int, network: MlpWidths) -> None:
        super().__init__()
        first, *widths = (*network.hidden, classes)
        self.first = Projection(channels, first)
        self.second = nn.Conv1d(first, widths[0], 1)
        self.rest = nn.ModuleList(nn.Conv1d(a, b, 1) for a, b in pairwise(widths))

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        """Maps (N, C_i, h_i, w_i) to logits (N, K, size, size)."""
        return self.rows(maps, (0, size), size)

    def rows(self, maps: Sequence[Tensor], rows: Rows, size: int) -> Tensor:
        """The same in some rows alone: (N, K, bottom - top, size).

        A large image goes in strips, so that the maps of a strip stay in a CPU's cache while all units read them.
        """
        step = max(1, _most(STRIP, maps) // (len(maps[0]) * size))
        tops = range(*rows, step)
        return torch.cat([self._strip(maps, (top, min(top + step, rows[1])), size) for top in tops], dim=2)

    def _strip(self, maps: Sequence[Tensor], rows: Rows, size: int) -> Tensor:
        """The 2,000 hidden units come a block at a time, because at 512 pixels they take 2.1 GB an image.

        The second layer is linear in them and adds the blocks up.
        """
        units = max(1, _most(BLOCK, maps) // (len(maps[0]) * (rows[1] - rows[0]) * size))
        assert self.second.bias is not None
        total: Tensor = self.second.bias[:, None]
        firsts = torch.split(self.first.weight, units), torch.split(self.first.bias, units)
        for weight, bias, second in zip(*firsts, torch.split(self.second.weight, units, dim=1), strict=True):
            hidden = project(maps, weight, bias, size, rows=rows).flatten(2).relu()
            total = total + pixelwise(hidden, second)
        return self._finish(total).view(len(total), -1, rows[1] - rows[0], size)

    def at(self, maps: Sequence[Tensor], pixels: Tensor, size: int) -> Tensor:
        """The same at `pixels` (N, P) alone: (N, K, P)."""
        hidden = self.first.at(maps, pixels, size).relu()
        return self._finish(pixelwise(hidden, self.second.weight, self.second.bias))

    def _finish(self, x: Tensor) -> Tensor:
        for layer in self.rest:
            assert isinstance(layer, nn.Conv1d)
            x = pixelwise(x.relu(), layer.weight, layer.bias)
        return x


def _most(of: Mapping[str, int], maps: Sequence[Tensor]) -> int:
    """What a device bears; another kind than these as much as a CPU."""
    return of.get(maps[0].device.type, of["cpu"])
