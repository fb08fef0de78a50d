"""The convolutional heads: S, M and L, which see a pixel's surroundings through dilated 3x3 layers.

The paper gives L twice: section 4.2 embeds F with a 1x1 layer, Table E with a 3x3 one; the authors' code
has the 1x1. So S, M and L come with either first layer, and the rest is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .head import Rows
from .pixelwise import Projection


@dataclass(frozen=True)
class CnnLayers:
    """The layers of one of the paper's CNNs, and where the paper gives them."""

    source: str
    hidden: tuple[int, ...]
    """Output channels of the layers between the first and the last, which has the classes."""
    dilations: tuple[int, ...]
    """Dilation of each layer after the first, which has 1; the padding is the same number."""
    embedding: int = 128
    """Output channels of the first layer (section 4.2; Conv1 of Tables C to E)."""
    slope: float = 0.01
    """Of the leaky ReLU (section 4.2 gives no slope; this is the authors' code)."""


UNFOLDED = 2**14
"""Pixels of a map, at most, whose surroundings are laid out side by side: nine times its memory."""

NETWORKS = {
    "S": CnnLayers("Table C, Conv2 to Conv5", (64, 64, 32), (2, 1, 2, 1)),
    "M": CnnLayers("Table D, Conv2 to Conv7", (64,) * 4 + (32,), (2, 4, 1, 2, 4, 1)),
    "L": CnnLayers("section 4.2; Table E, Conv2 to Conv9", (64,) * 6 + (32,), (2, 4, 8, 1, 2, 4, 8, 1)),
}


class Cnn(nn.Module):
    """An embedding of F and dilated 3x3 layers at the output size, with leaky ReLU between all."""

    def __init__(self, channels: Sequence[int], classes: int, network: CnnLayers, kernel: int = 1) -> None:
        super().__init__()
        widths = (network.embedding, *network.hidden, classes)
        self.slope = network.slope
        self.first = Projection(channels, network.embedding, kernel)
        self.rest = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=dilation, dilation=dilation)
            for a, b, dilation in zip(widths[:-1], widths[1:], network.dilations, strict=True)
        )
        self._initialise()
        self.rest.to(
            memory_format=torch.channels_last
        )  # dilated layers are faster where a pixel's channels lie together

    def _initialise(self) -> None:
        """Weights that keep the scale of the signal through all layers (He et al. 2015); the paper gives none.

        With PyTorch's own, which shrink it layer by layer, L needs three times the steps to come as far.
        """
        nn.init.normal_(self.first.weight, std=self.first.weight[0].numel() ** -0.5)
        for layer in self.rest:
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            nn.init.kaiming_normal_(layer.weight, a=self.slope, nonlinearity="leaky_relu")
            nn.init.zeros_(layer.bias)

    @property
    def reach(self) -> int:
        """Pixels that it sees on either side of one, behind the first layer."""
        return sum(layer.dilation[0] for layer in self.rest if isinstance(layer, nn.Conv2d))

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        """Maps (N, C_i, h_i, w_i) to logits (N, K, size, size)."""
        return self.rows(maps, (0, size), size)

    def rows(self, maps: Sequence[Tensor], rows: Rows, size: int) -> Tensor:
        """The same in some rows alone, from as many more as the dilated layers see."""
        (top, bottom), reach = rows, self.reach
        above, below = min(reach, top), min(reach, size - bottom)
        x: Tensor = self.first.rows(maps, (top - above, bottom + below), size)
        for layer in self.rest:
            assert isinstance(layer, nn.Conv2d)
            x = dilated(F.leaky_relu(x, self.slope, inplace=True), layer)  # a gradient needs what comes out of it alone
        return x[:, :, above : above + bottom - top].contiguous()


def dilated(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """A layer of a CNN on maps (N, C, h, w); on a GPU the small ones as one product of matrices.

    A stack of convolutions is computed there one after the other, each too small for the device, and a stack of
    products at once.
    """
    small = x.shape[-2] * x.shape[-1] <= UNFOLDED
    out: Tensor = unfolded(x, layer) if x.is_cuda and small else layer(x)
    return out


def unfolded(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """The same as a product of its weight (O, C k k) with what each pixel sees (N, C k k, h w)."""
    assert layer.bias is not None and isinstance(layer.padding, tuple)
    seen = F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    out: Tensor = layer.weight.flatten(1) @ seen + layer.bias[:, None]
    return out.view(*out.shape[:2], *x.shape[-2:])
