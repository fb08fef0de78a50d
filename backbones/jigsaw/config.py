"""The shape of a context-free network and of the puzzles that it solves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from ..backbone import BackboneError

FAMILY = "jigsaw"
GRID = 3
"""Cells of a puzzle in a row, and in a column."""


class Layer(NamedTuple):
    """A convolution, its rectifier and what stands around them."""

    multiple: int
    """Its channels, in widths of the network."""
    kernel: int = 3
    stride: int = 1
    groups: int = 1
    norm: str = ""
    """`batch` before the rectifier, `response` (AlexNet's, between channels) at the end, or none."""
    pool: int = 0
    """Side of the window of the max-pooling behind it, at stride 2; 0 is none."""


LAYOUTS = {
    "cfn": (
        Layer(3, kernel=11, stride=2, norm="response", pool=3),
        Layer(8, kernel=5, groups=2, norm="response", pool=3),
        Layer(12),
        Layer(12, groups=2),
        Layer(8, groups=2, pool=3),
    ),
    "small": (
        Layer(1, pool=2),  # what comes in is normalised already
        Layer(2, norm="batch"),
        Layer(2, norm="batch", pool=2),
        Layer(3, norm="batch"),
        Layer(3, norm="batch"),
        Layer(3, norm="batch"),
    ),
}
"""Convolutions of a trunk: the paper's (AlexNet's, with stride 2 at the first), and six for tiles of 16 pixels."""


@dataclass(frozen=True)
class JigsawConfig:
    """A context-free network and its puzzles; the defaults are the authors', from their `train_val_cfn_jps.prototxt`.

    The published convolutions have less padding, and so 3 x 3 places at the last one instead of 4 x 4.
    """

    size: int = 256
    """Side of its images, pixels."""
    cell: int = 85
    """Side of a cell of the 3 x 3 grid; the window cut from an image has three."""
    tile: int = 64
    """Side of the tile that is cut from each cell."""
    shift: int = 2
    """How far a colour channel may move in its tile, pixels."""
    layout: str = "cfn"
    """A name in `LAYOUTS`."""
    width: int = 32
    """The unit of channels: 96, 256, 384, 384 and 256 are 3, 8, 12, 12 and 8 of it."""
    fc6: int = 1024
    """Numbers that describe a tile."""
    fc7: int = 4096
    """Numbers that describe a puzzle."""
    dropout: float = 0.5
    """Share of `fc6` and `fc7` that is left out in training."""
    permutations: int = 1000

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise BackboneError(f"jigsaw has no layout {self.layout!r}; choose {' or '.join(LAYOUTS)}")
        if GRID * self.cell > self.size or self.slack < 2 * self.shift:
            needs = f"3 cells of {self.cell} pixels, each with a tile of {self.tile} and {2 * self.shift + 1} to spare"
            raise BackboneError(f"a jigsaw of {self.size} pixels has no room for {needs}; choose smaller tiles")
        if self.tile % self.stride or self.size % self.stride:
            sides = f"tiles of {self.tile} or images of {self.size} pixels"
            raise BackboneError(
                f"jigsaw cannot halve {sides} down to steps of {self.stride}; choose multiples of {self.stride}"
            )

    @property
    def layers(self) -> tuple[Layer, ...]:
        return LAYOUTS[self.layout]

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every convolution."""
        return tuple(layer.multiple * self.width for layer in self.layers)

    @property
    def stride(self) -> int:
        """Pixels between two places behind the last layer."""
        return prod(layer.stride * (2 if layer.pool else 1) for layer in self.layers)

    @property
    def window(self) -> int:
        """Side of the square that is cut from an image, pixels."""
        return GRID * self.cell

    @property
    def slack(self) -> int:
        """How far a tile may lie from the upper left of its cell; the last pixel of a cell is in no tile."""
        return self.cell - self.tile - 1

    def at_size(self, size: int) -> JigsawConfig:
        """The same network for puzzles in proportion, from images of another size."""
        cell, tile = (side * size // self.size for side in (self.cell, self.tile))
        tile -= tile % self.stride
        shift = min(self.shift * size // self.size or 1, (cell - tile - 1) // 2)
        return replace(self, size=size, cell=cell, tile=tile, shift=shift)


EMBEDDED = JigsawConfig(size=64, cell=21, tile=16, shift=1, layout="small", width=32, fc6=64, fc7=256, dropout=0.0)
"""The network whose weights are shipped: small enough to be trained on a CPU."""
