"""Eq. (1), the pixel-wise representation F = U(a1) ⊕ ... ⊕ U(an), three ways: dense, projected, sampled.

F itself is huge (5.8 GB for one 512-pixel image of StyleGAN2) and hardly ever needed. `dense` is F as the paper writes
it, the reference for the other two: `project` is F through a first layer without F, and `sample` is F at a few pixels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .head import Enlarges, Rows


def enlarges(layer: Tensor, size: int) -> bool:
    """Whether U makes this map (N, C, h, w) larger."""
    return min(layer.shape[-2:]) < size


def resize(layer: Tensor, size: int) -> Tensor:
    """U of eq. (1): a map (N, C, h, w) as (N, C, size, size), each channel for itself and linearly.

    Bilinear up with pixels as squares (align_corners=False), area down. The paper does not say; the
    authors' code aligns the corners. `_axis` and `_sample` follow the choice made here.
    """
    if isinstance(layer, Enlarges):
        return layer.enlarge(layer.cells, (0, size), size) if enlarges(layer, size) else resize(layer.cells, size)
    if layer.shape[-2:] == (size, size):
        return layer
    if enlarges(layer, size):
        return F.interpolate(layer, (size, size), mode="bilinear", align_corners=False)
    return F.interpolate(layer, (size, size), mode="area")


def dense(maps: Sequence[Tensor], size: int) -> Tensor:
    """Eq. (1) as written: maps (N, C_i, h_i, w_i) give F (N, ΣC, size, size)."""
    return torch.cat([resize(layer, size) for layer in maps], dim=1)


def sample(maps: Sequence[Tensor], pixels: Tensor, size: int) -> Tensor:
    """Eq. (1) at chosen pixels: F (N, ΣC, P) at `pixels` (N, P), flat indices into a grid of size x size."""
    return torch.cat([_sample(layer, pixels, size) for layer in maps], dim=1)


def project(
    maps: Sequence[Tensor], weight: Tensor, bias: Tensor | None, size: int, dilation: int = 1, rows: Rows | None = None
) -> Tensor:
    """A first layer on eq. (1) without F: the convolution (N, O, size, size) of `dense(maps, size)`, or `rows` of it.

    `weight` is (O, ΣC, k, k) with k odd, `bias` (O,). Zeros surround F, so the result is that of
    `F.conv2d(dense(maps, size), weight, bias, padding=dilation * (k // 2), dilation=dilation)`.

    U is linear and keeps channels apart, so the sum over channels may come before it: each map meets its slice of the
    weight at its own size, where it has few pixels. A map larger than the target is made smaller first.
    """
    look = ConvWindow(size, weight.shape[-1], dilation, *(rows or (0, size)))
    parts = torch.split(weight, [layer.shape[1] for layer in maps], dim=1)
    out: Tensor | None = None
    small: dict[tuple[int, int], Tensor] = {}
    for layer, part in zip(maps, parts, strict=True):
        if isinstance(layer, Enlarges) and enlarges(layer, size):
            out = _add(out, look.lead(layer, part))
        elif enlarges(layer, size):
            height, width = layer.shape[-2:]
            taps = _taps(look.crop(layer), part)
            small[height, width] = small[height, width] + taps if (height, width) in small else taps
        else:
            out = _add(out, look.convolve(resize(layer, size), part))
    if small:
        out = _add(out, _enlarge(small, look))
    if out is None:
        raise ValueError("eq. (1) needs at least one map")
    return out if bias is None else out.add_(bias[:, None, None])


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
            out = _add(out, large[:, :, top : top + self.height, left : left + self.size])
        assert out is not None
        return out

    def down(self, height: int, like: Tensor) -> Tensor:
        """The matrix (height of the strip, kernel · rows of the map that it needs) of U from top to bottom."""
        whole = _axis(height, self.size, self.kernel, self.dilation, like.dtype, like.device)
        first, last = self.span(height)
        taps = whole.view(self.size, self.kernel, height)[self.top : self.bottom, :, first:last]
        return taps.reshape(self.height, -1)

    def across(self, width: int, like: Tensor) -> Tensor:
        """The matrix (size, kernel · width) of U from left to right."""
        return _axis(width, self.size, self.kernel, self.dilation, like.dtype, like.device)


class Projection(nn.Module):
    """A first layer on eq. (1): `nn.Conv2d(sum(channels), out, kernel)` of F that never makes F."""

    def __init__(self, channels: Sequence[int], out: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        conv = nn.Conv2d(sum(channels), out, kernel)  # for its initial numbers
        assert conv.bias is not None
        self.weight, self.bias = conv.weight, conv.bias
        self.dilation = dilation

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        """Maps (N, C_i, h_i, w_i) to (N, out, size, size)."""
        return project(maps, self.weight, self.bias, size, self.dilation)

    def rows(self, maps: Sequence[Tensor], rows: Rows, size: int) -> Tensor:
        """The same in some rows alone: (N, out, bottom - top, size)."""
        return project(maps, self.weight, self.bias, size, self.dilation, rows)

    def at(self, maps: Sequence[Tensor], pixels: Tensor, size: int) -> Tensor:
        """The same at `pixels` (N, P) alone: (N, out, P); for a kernel of 1."""
        if self.weight.shape[-1] != 1:
            raise ValueError("a 3x3 projection looks around each pixel and cannot read single ones; call it whole")
        return pixelwise(sample(maps, pixels, size), self.weight[..., 0], self.bias)


def pixelwise(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A layer of weight (O, C, 1) and bias (O,) at each pixel of x (N, C, P): (N, O, P).

    A product of matrices, of which a stack is one; a stack of convolutions is done one by one.
    """
    return F.linear(x.transpose(1, 2), weight[..., 0], bias).transpose(1, 2)


def stretch(length: int, size: int, like: Tensor) -> Tensor:
    """The matrix (size, length) of U along one axis of a map that it enlarges, in the dtype and place of `like`."""
    return _axis(length, size, 1, 1, like.dtype, like.device)


def _add(total: Tensor | None, term: Tensor) -> Tensor:
    return term if total is None else total.add_(term)


def _taps(layer: Tensor, weight: Tensor) -> Tensor:
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


def _enlarge(small: Mapping[tuple[int, int], Tensor], look: ConvWindow) -> Tensor:
    """The sum over sizes (h, w) and taps of the taps (N, O, k·h, k·w), shifted and resized: (N, O, height, size).

    A bilinear resize is R_h · map · R_wᵀ, so the sum over sizes is one product of matrices laid side by side: four
    times faster than `F.interpolate` size by size, and as exact.
    """
    down, across = [], []
    for (height, width), taps in small.items():
        down.append(look.down(height, taps))
        across.append(taps @ look.across(width, taps).T)
    return torch.cat(down, dim=1) @ torch.cat(across, dim=2)


@lru_cache(maxsize=256)
def _axis(length: int, size: int, kernel: int, dilation: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The matrix (size, k·length) of `resize` along one axis: k copies, each shifted to where its tap looks."""
    reach = dilation * (kernel // 2)
    with torch.inference_mode(False), torch.no_grad():  # the cached matrix must serve training too
        one = F.interpolate(torch.eye(length, dtype=torch.float64)[None], size, mode="linear", align_corners=False)[0]
        padded = F.pad(one, (reach, reach))  # the zeros around F
        shifted = [padded[:, tap * dilation :][:, :size] for tap in range(kernel)]
        return torch.cat(shifted).T.to(device, dtype).contiguous()


def _sample(layer: Tensor, pixels: Tensor, size: int) -> Tensor:
    """One map of eq. (1) at `pixels` (N, P): (N, C, P)."""
    if isinstance(layer, Enlarges) and enlarges(layer, size):
        return layer.at(pixels, size)
    if not enlarges(layer, size):
        flat = resize(layer, size).flatten(2)
        return flat.gather(2, pixels[:, None].expand(-1, flat.shape[1], -1))
    centres = torch.stack((pixels % size, pixels // size), dim=-1).to(layer.dtype) + 0.5
    grid = centres[:, :, None] * (2 / size) - 1  # (N, P, 1, 2), x before y, the picture spanning [-1, 1]
    return F.grid_sample(layer, grid, mode="bilinear", padding_mode="border", align_corners=False)[..., 0]
