"""Convolutions that are differentiated twice have the derivatives of torch's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.backbones.stylegan2.convolution import Geometry, convolve, differentiable_twice

GEOMETRIES = st.builds(
    Geometry,
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    groups=st.sampled_from([1, 2]),
    transposed=st.booleans(),
)


def arguments(geometry: Geometry, kernel: int, side: int) -> tuple[Tensor, Tensor]:
    """A map of four channels, and a weight to six."""
    torch.manual_seed(0)
    inputs, outputs = (4, 6 // geometry.groups) if geometry.transposed else (6, 4 // geometry.groups)
    x = torch.randn(2, 4, side, side, dtype=torch.float64, requires_grad=True)
    return x, torch.randn(inputs, outputs, kernel, kernel, dtype=torch.float64, requires_grad=True)


def derivatives(x: Tensor, weight: Tensor, geometry: Geometry) -> list[Tensor]:
    """What came out, its gradients, and theirs, all of curved functions so that none is constant."""
    out = convolve(x, weight, geometry)
    first = torch.autograd.grad(out.square().sum(), (x, weight), create_graph=True)
    second = torch.autograd.grad(sum(part.square().sum() for part in first), (x, weight))
    return [out.detach(), *(part.detach() for part in first), *second]


@settings(max_examples=40, derandomize=True, deadline=None)
@given(geometry=GEOMETRIES, kernel=st.integers(1, 4), side=st.integers(4, 9))
def test_all_derivatives_are_those_of_torch(geometry: Geometry, kernel: int, side: int) -> None:
    """The first and the second, of maps and of weights, whatever the stride, the padding and the groups."""
    if geometry.transposed and (side - 1) * geometry.stride + kernel <= 2 * geometry.padding:
        return
    x, weight = arguments(geometry, kernel, side)
    plain = derivatives(x, weight, geometry)
    with differentiable_twice():
        twice = derivatives(x, weight, geometry)
    for one, other in zip(plain, twice, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("transposed", [False, True])
def test_nothing_is_computed_that_nobody_asks_for(transposed: bool) -> None:
    """A weight that does not learn gets no gradient, and neither does a map."""
    x, weight = arguments(geometry := Geometry(padding=1, transposed=transposed), 3, 6)
    with differentiable_twice():
        convolve(x, weight.detach(), geometry).sum().backward()
        assert weight.grad is None and x.grad is not None
        x.grad = None
        convolve(x.detach(), weight, geometry).sum().backward()
    assert x.grad is None and weight.grad is not None


def test_outside_it_is_plain() -> None:
    """Where one derivative is all that is wanted, torch's own is the cheaper."""
    x, weight = arguments(Geometry(), 3, 6)
    with differentiable_twice():
        inside = convolve(x, weight, Geometry())
    names = [type(out.grad_fn).__name__ for out in (inside, convolve(x, weight, Geometry()))]
    assert names == ["_ConvolutionBackward", "ConvolutionBackward0"]
