"""The controls know place, and place and colour, alone; `derived` appends place and undoes training."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone, BackboneError, Draws, Extractor, Generates, Inverts
from partbench.backbones.checks import CHECKS, check_maps
from partbench.backbones.controls import partbench_backbones
from partbench.backbones.controls.coordinates import fourier_features
from partbench.backbones.controls.derived import twin, with_position

CONTROLS = {backbone.name: backbone for backbone in partbench_backbones()}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", ["position", "pixels"])
@pytest.mark.parametrize("append", [False, True])
def test_the_controls_pass_every_check(check: object, name: str, append: bool) -> None:
    """Position and pixels keep the promises of any backbone, with the coordinates appended too."""
    assert callable(check)
    check(with_position(CONTROLS[name]) if append else CONTROLS[name])


def test_features_are_sines_and_cosines_at_pixel_centres() -> None:
    """The channels are sin and cos of 2^k pi x, then of 2^k pi y, for k = 0..4, with x and y in [-1, 1]."""
    features = fourier_features(4, 6)
    row, column = 1, 4
    x, y = -1 + (column + 0.5) * 2 / 6, -1 + (row + 0.5) * 2 / 4
    expected = [wave(2**k * math.pi * axis) for k in range(5) for axis in (x, y) for wave in (math.sin, math.cos)]
    torch.testing.assert_close(features[:, row, column], torch.tensor(expected), atol=1e-5, rtol=0)


def test_no_two_places_share_their_features() -> None:
    """Every pixel of 64 x 64 can be told from every other."""
    features = fourier_features(64, 64).flatten(1).T
    distances = torch.cdist(features, features).fill_diagonal_(torch.inf)
    assert distances.min() > 0.1


@pytest.mark.parametrize("shape", [(64, 64), (8, 8), (5, 9)])
def test_images_of_any_size(shape: tuple[int, int]) -> None:
    """A map is as large as its image, and position is the same whatever the image shows."""
    images = torch.rand(2, 3, *shape)
    (place,), (colours, place_again) = (CONTROLS[name].load()(images) for name in ("position", "pixels"))
    assert place.shape == (2, 20, *shape)
    assert torch.equal(colours, images)
    assert torch.equal(place, place_again) and torch.equal(place[0], place[1])


class Doubling:
    """Maps twice the image."""

    def __call__(self, images: Tensor) -> list[Tensor]:
        return [images * 2]


class Inverting(Doubling):
    """Its code of an image is the image."""

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        return {"w": images}

    def maps(self, codes: Mapping[str, Tensor]) -> list[Tensor]:
        return self(codes["w"])

    def reconstruct(self, codes: Mapping[str, Tensor]) -> Tensor:
        return codes["w"]


class Generating(Doubling):
    def sample(self, count: int, seed: int) -> tuple[Tensor, list[Tensor]]:
        images = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        return images, self(images)


class Both(Inverting, Generating):
    pass


class Drawing(Both):
    def draw(self, count: int, seed: int) -> dict[str, Tensor]:
        return {"w": self.sample(count, seed)[0]}


@pytest.mark.parametrize("kind", [Doubling, Inverting, Generating, Both, Drawing])
def test_appending_keeps_what_an_extractor_can_do(kind: type[Doubling]) -> None:
    """With coordinates, an extractor inverts and generates if and only if it did, and passes the checks as before."""
    backbone = with_position(Backbone("toy", 8, (3,), load=kind))
    extractor = backbone.load()
    assert isinstance(extractor, Inverts) == issubclass(kind, Inverting)
    assert isinstance(extractor, Generates) == issubclass(kind, Generating)
    assert isinstance(extractor, Draws) == issubclass(kind, Drawing)
    for check in CHECKS:
        check(backbone)


def test_the_coordinates_come_last_on_every_way_in() -> None:
    """Calling, maps of codes and samples end with the same coordinates."""
    extractor = with_position(Backbone("toy", 8, (3,), load=Both)).load()
    assert isinstance(extractor, Inverts) and isinstance(extractor, Generates)
    images, sampled = extractor.sample(2, 0)
    for maps in (extractor(images), extractor.maps(extractor.invert(images)), sampled):
        assert torch.equal(maps[0], images * 2)
        assert torch.equal(maps[1][1], fourier_features(8, 8))


def test_an_appended_module_moves_as_one() -> None:
    """`.to` reaches the wrapped network."""
    extractor: Extractor = with_position(Backbone("toy", 8, (4,), load=lambda: nn.Conv2d(3, 4, 1))).load()
    assert isinstance(extractor, nn.Module)
    assert {weight.dtype for weight in extractor.to(torch.float64).parameters()} == {torch.float64}


def test_a_twin_is_the_network_of_a_seed() -> None:
    """The twin is drawn from its seed and has no weights file, variants or training of its own."""

    def untrained(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Conv2d(3, 4, 1)

    toy = Backbone("toy", 8, (4,), load=Doubling, untrained=untrained, configure=lambda *_: toy, trainer=None)
    images = torch.rand(1, 3, 8, 8)
    one, again, other = (twin(toy, seed).load()(images)[0] for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)
    random = twin(toy, 0)
    assert (random.name, random.weights, random.configure, random.untrained) == ("random:toy", None, None, None)


def test_a_twin_of_the_appended_has_coordinates_too() -> None:
    """Appending first or undoing the training first gives the same maps."""
    toy = Backbone("toy", 8, (3,), load=Doubling, untrained=lambda seed: lambda images: [images * seed])
    one, other = twin(with_position(toy), 5), with_position(twin(toy, 5))
    images = torch.rand(2, 3, 8, 8)
    assert one.channels == other.channels == (3, 20)
    assert all(torch.equal(a, b) for a, b in zip(one.load()(images), other.load()(images), strict=True))
    check_maps(one)


def test_no_twin_of_what_was_never_trained() -> None:
    """A control has no twin, and says so."""
    with pytest.raises(BackboneError, match=r"^position has no untrained twin; give its record `untrained`"):
        twin(CONTROLS["position"], 0)
