"""Eq. (1) projected and eq. (1) sampled are eq. (1)."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.heads import conv_window, pixelwise
from partbench.heads.pixelwise import Projection, dense, project, resize, sample

shapes = st.lists(st.tuples(st.integers(1, 4), st.sampled_from((1, 2, 3, 4, 5, 8, 13, 32))), min_size=1, max_size=5)
sizes = st.sampled_from((1, 2, 4, 7, 8, 13, 16))
few = settings(max_examples=40, deadline=None)


def random_maps(shapes: list[tuple[int, int]], batch: int = 2) -> list[Tensor]:
    """Maps (N, c, side, side) in double precision, so that only a wrong formula differs."""
    noise = torch.Generator().manual_seed(0)
    return [torch.randn(batch, c, side, side, generator=noise, dtype=torch.float64) for c, side in shapes]


def random_layer(maps: list[Tensor], out: int, kernel: int) -> tuple[Tensor, Tensor]:
    noise = torch.Generator().manual_seed(1)
    channels = sum(layer.shape[1] for layer in maps)
    weight = torch.randn(out, channels, kernel, kernel, generator=noise, dtype=torch.float64)
    return weight.requires_grad_(), torch.randn(out, generator=noise, dtype=torch.float64).requires_grad_()


@few
@given(shapes, sizes, st.integers(1, 5), st.sampled_from(((1, 1), (3, 1), (3, 2), (3, 4), (5, 1))))
def test_projecting_is_a_convolution_of_eq_1(
    shapes: list[tuple[int, int]], size: int, out: int, layer: tuple[int, int]
) -> None:
    """1x1 and 3x3 first layers, dilated or not, maps in any order: same numbers and same gradients."""
    kernel, dilation = layer
    maps = random_maps(shapes)
    weight, bias = random_layer(maps, out, kernel)
    fast = project(maps, weight, bias, size, dilation)
    slow = F.conv2d(dense(maps, size), weight, bias, padding=dilation * (kernel // 2), dilation=dilation)
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-9)
    pull = torch.cos(torch.arange(slow.numel(), dtype=torch.float64)).view_as(slow)
    for one, other in zip(*(torch.autograd.grad(y, (weight, bias), pull) for y in (fast, slow)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@few
@given(shapes, sizes, st.data())
def test_sampling_is_eq_1_at_some_pixels(shapes: list[tuple[int, int]], size: int, data: st.DataObject) -> None:
    maps = random_maps(shapes)
    pixels = torch.tensor([data.draw(st.lists(st.integers(0, size * size - 1), min_size=5, max_size=5)) for _ in "ab"])
    whole = dense(maps, size).flatten(2)
    torch.testing.assert_close(
        sample(maps, pixels, size),
        whole.gather(2, pixels[:, None].expand(-1, whole.shape[1], -1)),
        rtol=1e-9,
        atol=1e-9,
    )


@pytest.mark.parametrize("size", (5, 8, 12))
def test_maps_need_not_be_square(size: int) -> None:
    maps = [torch.randn(1, 2, 6, 9), torch.randn(1, 3, 4, 2)]
    weight, bias = torch.randn(4, 5, 3, 3), torch.randn(4)
    slow = F.conv2d(dense(maps, size), weight, bias, padding=1)
    torch.testing.assert_close(project(maps, weight, bias, size), slow, rtol=1e-4, atol=1e-4)


def test_a_map_of_the_asked_size_is_left_alone() -> None:
    layer = torch.randn(1, 2, 6, 6)
    assert resize(layer, 6) is layer


def test_a_smaller_size_takes_means() -> None:
    assert resize(torch.arange(16.0).view(1, 1, 4, 4), 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


def test_projecting_never_makes_eq_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """No map is enlarged on the way."""
    monkeypatch.setattr(pixelwise, "resize", lambda layer, size: pytest.fail(f"{layer.shape} resized to {size}"))
    maps = random_maps([(3, 4), (2, 8), (4, 8)])
    assert project(maps, *random_layer(maps, 5, 1), size=16).shape == (2, 5, 16, 16)


def test_a_layer_seen_first_in_inference_mode_still_trains() -> None:
    """Matrices are cached between calls, and inference mode must not leak through them."""
    conv_window.axis_matrix.cache_clear()
    layer = Projection((2, 3), 4)
    maps = [torch.randn(1, 2, 4, 4), torch.randn(1, 3, 8, 8)]
    with torch.inference_mode():
        layer(maps, 16)
    layer(maps, 16).sum().backward()
    assert layer.weight.grad is not None


def test_maps_are_not_changed() -> None:
    maps = random_maps([(3, 4), (2, 8), (4, 16)])
    before = [layer.clone() for layer in maps]
    project(maps, *random_layer(maps, 5, 3), size=8)
    assert all(torch.equal(one, other) for one, other in zip(maps, before, strict=True))


def test_a_3x3_projection_does_not_read_single_pixels() -> None:
    with pytest.raises(ValueError, match="looks around each pixel"):
        Projection((2,), 4, kernel=3).at([torch.randn(1, 2, 4, 4)], torch.zeros(1, 1, dtype=torch.long), 4)


def test_no_maps_is_an_error() -> None:
    with pytest.raises((ValueError, RuntimeError)):
        project([], torch.randn(4, 0, 1, 1), None, 8)


@few
@given(shapes, st.sampled_from((1, 4, 7, 16)), st.sampled_from(((1, 1), (3, 1), (3, 2), (5, 1))), st.data())
def test_rows_of_a_projection_are_those_of_the_whole(
    shapes: list[tuple[int, int]], size: int, layer: tuple[int, int], data: st.DataObject
) -> None:
    """Any strip of any first layer, from the rows of each map that it needs."""
    kernel, dilation = layer
    maps = random_maps(shapes)
    top = data.draw(st.integers(0, size - 1))
    rows = top, data.draw(st.integers(top + 1, size))
    weight = torch.randn(3, sum(m.shape[1] for m in maps), kernel, kernel, dtype=torch.float64)
    whole = torch.nn.functional.conv2d(dense(maps, size), weight, padding=dilation * (kernel // 2), dilation=dilation)
    strip = project(maps, weight, None, size, dilation, rows)
    torch.testing.assert_close(strip, whole[:, :, slice(*rows)], rtol=1e-9, atol=1e-9)
