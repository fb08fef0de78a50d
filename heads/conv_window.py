"""What a convolution on eq. (1) looks at: the rows and taps of each map, and U as matrices along both axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .head import Enlarges


@dataclass(frozen=True)
class ConvWindow:
    """Kernel and dilation of a first layer on eq. (1), and the rows [top, bottom) that it computes."""

    size: int
    """Side of F, pixels."""
    kernel: int
    dilation: int
    top: int
    bottom: int

    @property
    def reach(self) -> int:
        """Pixels that it sees on either side of one."""
        return self.dilation * (self.kernel // 2)

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def span(self, height: int) -> tuple[int, int]:
        """The rows of a map of this height that it needs, as first and last + 1."""
        centres = (max(0, self.top - self.reach) + 0.5, min(self.size, self.bottom + self.reach) - 0.5)
        first, last = (math.floor(centre * height / self.size - 0.5) for centre in centres)
        return max(0, first), min(height, last + 2)

    def crop(self, layer: Tensor) -> Tensor:
        """These rows of a map (N, C, h, w)."""
        first, last = self.span(layer.shape[-2])
        return layer[:, :, first:last]

    def convolve(self, layer: Tensor, weight: Tensor) -> Tensor:
        """The layer on a map (N, C, size, size): (N, O, height, size)."""
        above, below = min(self.reach, self.top), min(self.reach, self.size - self.bottom)
        strip = layer[:, :, self.top - above : self.bottom + below]
        out = F.conv2d(strip, weight, padding=self.reach, dilation=self.dilation)
        return out[:, :, above : above + self.height] if above or below else out

    def lead(self, layer: Enlarges, weight: Tensor) -> Tensor:
        """The layer on a map that enlarges itself, before it does: tap by tap, each moved to where it looks."""
        above, below = min(self.reach, self.top), min(self.reach, self.size - self.bottom)
        rows, out = (self.top - above, self.bottom + below), None
        for down, across in itertools.product(range(self.kernel), repeat=2):
            cells = torch.einsum("oc,nchw->nohw", weight[:, :, down, across], layer.cells)
            large = layer.enlarge(cells, rows, self.size)
            large = F.pad(large, (self.reach, self.reach, self.reach - above, self.reach - below))
            top, left = down * self.dilation, across * self.dilation
            out = add(out, large[:, :, top : top + self.height, left : left + self.size])
        assert out is not None
        return out

    def enlarge(self, small: Mapping[tuple[int, int], Tensor]) -> Tensor:
        """The sum over sizes (h, w) and taps of the taps (N, O, k·h, k·w), shifted and resized: (N, O, height, size).

        A bilinear resize is R_h · map · R_wᵀ, so the sum over sizes is one product of matrices laid side by side: four
        times faster than `F.interpolate` size by size, and as exact.
        """
        down, across = [], []
        for (height, width), taps in small.items():
            down.append(self.down(height, taps))
            across.append(taps @ self.across(width, taps).T)
        return torch.cat(down, dim=1) @ torch.cat(across, dim=2)

    def down(self, height: int, like: Tensor) -> Tensor:
        """The matrix (height of the strip, kernel · rows of the map that it needs) of U from top to bottom."""
        whole = axis_matrix(height, self.size, self.kernel, self.dilation, like.dtype, like.device)
        first, last = self.span(height)
        taps = whole.view(self.size, self.kernel, height)[self.top : self.bottom, :, first:last]
        return taps.reshape(self.height, -1)

    def across(self, width: int, like: Tensor) -> Tensor:
        """The matrix (size, kernel · width) of U from left to right."""
        return axis_matrix(width, self.size, self.kernel, self.dilation, like.dtype, like.device)


def add(total: Tensor | None, term: Tensor) -> Tensor:
    """Their sum, in place where there is one."""
    return term if total is None else total.add_(term)


def taps_of(layer: Tensor, weight: Tensor) -> Tensor:
    """Each of the k x k taps of `weight` (O, C, k, k) on a map (N, C, h, w), side by side: (N, O, k·h, k·w)."""
    (n, _, h, w), (out, channels, k, _) = layer.shape, weight.shape
    rows = weight.permute(0, 2, 3, 1).reshape(-1, channels)
    taps = flat_product(rows, layer) if one_product(layer) else rows @ layer.flatten(2)
    return taps.view(n, out, k, k, h, w).transpose(3, 4).reshape(n, out, k * h, k * w)


def one_product(layer: Tensor) -> bool:
    """Whether all images of a map go into one product of matrices: on a GPU, which one per image keeps waiting."""
    return layer.is_cuda


def flat_product(rows: Tensor, layer: Tensor) -> Tensor:
    """`rows` (R, C) times a map (N, C, h, w), (N, R, h·w), as one product of matrices of all images.

    Of a stack of weights it is one, too. As a product per image, it would copy the map for each of the stack, and each
    weight for every image.
    """
    return (rows @ layer.transpose(0, 1).flatten(1)).view(len(rows), len(layer), -1).transpose(0, 1)


@lru_cache(maxsize=256)
def axis_matrix(length: int, size: int, kernel: int, dilation: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The matrix (size, k·length) of U along one axis: k copies, each shifted to where its tap looks."""
    reach = dilation * (kernel // 2)
    with torch.inference_mode(False), torch.no_grad():  # the cached matrix must serve training too
        one = F.interpolate(torch.eye(length, dtype=torch.float64)[None], size, mode="linear", align_corners=False)[0]
        padded = F.pad(one, (reach, reach))  # the zeros around F
        shifted = [padded[:, tap * dilation :][:, :size] for tap in range(kernel)]
        return torch.cat(shifted).T.to(device, dtype).contiguous()
