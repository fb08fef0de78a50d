"""Maps turned into the span of their images' cells: fewer channels, and the same least squares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.heads import span
from partbench.heads.pixelwise import dense
from partbench.heads.ridge import Moments, Ridge
from partbench.heads.span import span_of

CLASSES, SIZE = 3, 8
shapes = st.lists(st.tuples(st.integers(1, 40), st.sampled_from((1, 2, 3, 8))), min_size=1, max_size=4)


def images(layers: list[tuple[int, int]], count: int) -> list[list[Tensor]]:
    random = torch.Generator().manual_seed(len(layers) + count)
    return [[torch.randn(1, c, s, s, generator=random, dtype=torch.double) for c, s in layers] for _ in range(count)]


def masks(count: int) -> Tensor:
    return torch.randint(CLASSES + 1, (count, SIZE, SIZE), generator=torch.Generator().manual_seed(count))


@pytest.fixture
def dimensions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many unknowns every fit had."""
    seen: list[int] = []
    fits = Moments.fits

    def counted(self: Moments, shares: list[float], channels: int) -> Iterator[Tensor]:
        seen.append(len(self.gram) - 1)
        return fits(self, shares, channels)

    monkeypatch.setattr(Moments, "fits", counted)
    return seen


@settings(max_examples=60, deadline=None)
@given(shapes, st.integers(1, 4))
def test_weights_on_turned_maps_are_the_same_on_maps_as_they_come(layers: list[tuple[int, int]], count: int) -> None:
    """F times widened weights is turned F times the weights, at every pixel of every image; the one keeps its place."""
    shots = images(layers, count)
    found = span_of(lambda i: shots[i], count, fits=1000)
    weights = torch.randn(sum(m.shape[1] for m in found.narrow(shots[0])) + 1, 5, dtype=torch.double)
    wide = found.widen(weights)
    assert len(wide) == sum(channels for channels, _ in layers) + 1
    torch.testing.assert_close(wide[-1], weights[-1])
    for maps in shots:
        turned, whole = (dense(m, SIZE)[0].flatten(1) for m in (found.narrow(maps), maps))
        torch.testing.assert_close(turned.T @ weights[:-1], whole.T @ wide[:-1])
        torch.testing.assert_close(turned.square().sum(), whole.square().sum())


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(1, 4), st.sampled_from((0.0, 0.1, 1.0)))
def test_ridge_is_the_same_in_the_span_and_out_of_it(
    layers: list[tuple[int, int]], count: int, labelled: float
) -> None:
    """All weights, and with them the ridge that was chosen; of one labelled pixel, too, where it is its least."""
    assume(any(side > 1 for _, side in layers))  # F that is constant leaves nothing but rounding
    shots, labels = images(layers, count), masks(count)
    labels[torch.rand(labels.shape, generator=torch.Generator().manual_seed(count)) >= labelled] = CLASSES
    labels[0, 0, 0] = 0
    heads = []
    for pays in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(span, "_pays", lambda _, wide, cells, fits, pays=pays: pays and cells < wide)
            head = Ridge([channels for channels, _ in layers], CLASSES).double()
            head.solve(lambda i: shots[i], labels)
        heads.append(head)
    torch.testing.assert_close(heads[0].weight, heads[1].weight, rtol=1e-7, atol=1e-8)
    torch.testing.assert_close(heads[0].bias, heads[1].bias, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(
    ("layers", "count", "unknowns"),
    [
        pytest.param([(60, 2), (60, 2)], 5, 20, id="layers-of-one-size-together"),
        pytest.param([(60, 2), (7, 3)], 5, 27, id="small-wide-maps-alone"),
        pytest.param([(60, 2)], 15, 60, id="as-many-cells-as-channels"),
        pytest.param([(60, 7)], 1, 60, id="hardly-fewer-cells-than-channels"),
        pytest.param([(400, 16)], 1, 64, id="maps-larger-than-the-masks-become-as-large"),
        pytest.param([(60, 5)], 1, 60, id="a-single-shot-has-one-fit"),
    ],
)
def test_maps_are_turned_where_that_is_cheaper(
    layers: list[tuple[int, int]], count: int, unknowns: int, dimensions: list[int]
) -> None:
    shots = images(layers, count)
    Ridge([channels for channels, _ in layers], CLASSES).double().solve(lambda i: shots[i], masks(count))
    assert set(dimensions) == {unknowns}


def test_where_nothing_is_turned_no_shot_is_described_for_it() -> None:
    """Beyond the first, which gives the sizes."""
    asked: list[int] = []
    maps = images([(3, 8)], 1)[0]

    def shot(i: int) -> list[Tensor]:
        asked.append(i)
        return maps

    assert span_of(shot, 4, fits=33).turns == () and asked == [0]


class Own(Tensor):
    """A map that eq. (1) enlarges in a way of its own."""

    cells, enlarge, at = torch.empty(0), torch.nn.functional.interpolate, torch.Tensor.gather


def test_a_map_with_a_way_of_its_own_stays() -> None:
    """What enlarges it would be lost with its channels; a wide one beside it is turned."""
    own, other = images([(60, 2), (60, 2)], 1)[0]
    assert [turn.places for turn in span_of(lambda _: [own.as_subclass(Own), other], 5, fits=1000).turns] == [(1,)]
