"""Eq. (1), the pixel-wise representation F = U(a1) ⊕ ... ⊕ U(an), three ways: dense, projected, sampled.

F itself is huge (5.8 GB for one 512-pixel image of StyleGAN2) and hardly ever needed. `dense` is F as the paper writes
it, the reference for the other two: `project` is F through a first layer without F, and `sample` is F at a few pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .conv_window import ConvWindow, add, axis_matrix, taps_of
from .head import Enlarges, Rows


def enlarges(layer: Tensor, size: int) -> bool:
    """Whether U makes this map (N, C, h, w) larger."""
    return min(layer.shape[-2:]) < size


def resize(layer: Tensor, size: int) -> Tensor:
    """U of eq. (1): a map (N, C, h, w) as (N, C, size, size), each channel for itself and linearly.

    Bilinear up with pixels as squares (align_corners=False), area down. The paper does not say; the
    authors' code aligns the corners. `axis_matrix` and `_sample` follow the choice made here.
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
            out = add(out, look.lead(layer, part))
        elif enlarges(layer, size):
            height, width = layer.shape[-2:]
            taps = taps_of(look.crop(layer), part)
            small[height, width] = small[height, width] + taps if (height, width) in small else taps
        else:
            out = add(out, look.convolve(resize(layer, size), part))
    if small:
        out = add(out, look.enlarge(small))
    if out is None:
        raise ValueError("eq. (1) needs at least one map")
    return out if bias is None else out.add_(bias[:, None, None])


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
    return axis_matrix(length, size, 1, 1, like.dtype, like.device)


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
