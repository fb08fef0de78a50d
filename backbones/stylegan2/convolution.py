"""Convolutions that are cheap to differentiate twice, as R1 and the path length are learnt from.

torch's own second derivatives of a convolution convolve with kernels as large as the maps, and group by group. But a
convolution, its transpose and the gradient of its weight are linear in each of two arguments, so that every derivative
of one of the three is another of them, at the price of a convolution.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

_TWICE = ContextVar("twice", default=False)


@contextmanager
def differentiable_twice() -> Iterator[None]:
    """Within it, `convolve` is cheap to differentiate twice; elsewhere it is torch's own, cheaper once."""
    token = _TWICE.set(True)
    try:
        yield
    finally:
        _TWICE.reset(token)


@dataclass(frozen=True)
class Geometry:
    """How a kernel is laid over a map."""

    stride: int = 1
    padding: int = 0
    groups: int = 1
    transposed: bool = False

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        work = F.conv_transpose2d if self.transposed else F.conv2d
        return work(x, weight, stride=self.stride, padding=self.padding, groups=self.groups)

    def backward(self, gradient: Tensor, x: Tensor, weight: Tensor, of: int) -> Tensor:
        """The gradient of argument 0, the map, or 1, the weight."""
        s, p, zero = [self.stride] * 2, [self.padding] * 2, [0, 0]
        wanted = [of == 0, of == 1, False]
        found: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
            gradient, x, weight, None, s, p, [1, 1], self.transposed, zero, self.groups, wanted
        )
        return found[of]


def convolve(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """The convolution of maps (N, C, h, w) with a weight (O, C / groups, k, k), or (C, O / groups, k, k) transposed."""
    if not _TWICE.get():
        return geometry.forward(x, weight)
    out: Tensor = _Convolution.apply(x, weight, geometry)
    return out


def _like(shape: torch.Size, tensor: Tensor) -> Tensor:
    """A tensor that is only asked for its shape."""
    return tensor.new_zeros(1).expand(shape)


class _Convolution(Function):
    """Linear in a map and in a weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        return geometry.forward(x, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (x, weight), geometry = ctx.saved_tensors, ctx.geometry
        of_x = _GradientOfMap.apply(gradient, weight, geometry, x.shape) if ctx.needs_input_grad[0] else None
        of_weight = _GradientOfWeight.apply(x, gradient, geometry, weight.shape) if ctx.needs_input_grad[1] else None
        return of_x, of_weight, None


class _GradientOfMap(Function):
    """Linear in the gradient of what came out, and in a weight."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, weight: Tensor, geometry: Geometry, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(gradient, weight)
        ctx.geometry = geometry
        return geometry.backward(gradient, _like(shape, gradient), weight, 0)

    @staticmethod
    def backward(ctx: Any, x: Tensor) -> Any:
        (gradient, weight), geometry = ctx.saved_tensors, ctx.geometry
        of_gradient = _Convolution.apply(x, weight, geometry) if ctx.needs_input_grad[0] else None
        of_weight = _GradientOfWeight.apply(x, gradient, geometry, weight.shape) if ctx.needs_input_grad[1] else None
        return of_gradient, of_weight, None, None


class _GradientOfWeight(Function):
    """Linear in a map, and in the gradient of what came out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gradient: Tensor, geometry: Geometry, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(x, gradient)
        ctx.geometry = geometry
        return geometry.backward(gradient, x, _like(shape, x), 1)

    @staticmethod
    def backward(ctx: Any, weight: Tensor) -> Any:
        (x, gradient), geometry = ctx.saved_tensors, ctx.geometry
        of_x = _GradientOfMap.apply(gradient, weight, geometry, x.shape) if ctx.needs_input_grad[0] else None
        of_gradient = _Convolution.apply(x, weight, geometry) if ctx.needs_input_grad[1] else None
        return of_x, of_gradient, None, None
