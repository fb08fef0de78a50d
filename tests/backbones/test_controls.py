"""The controls know place, and place and colour, alone; `derived` appends place, projects it out, undoes training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone, BackboneError, Draws, Extractor, Frugal, Generates, Inverts, Stepwise
from partbench.backbones.checks import CHECKS, check_maps
from partbench.backbones.controls import partbench_backbones
from partbench.backbones.controls.coordinates import fourier_features
from partbench.backbones.controls.debiased import positional_basis
from partbench.backbones.controls.derived import twin, with_position, without_position, wrap_backbone

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


class Slow(Inverting):
    """In ten steps, and with as much memory as there is."""

    steps, room, settings = 10, None, "slow"

    def attempt(self, images: Tensor, steps: int) -> dict[str, Tensor]:
        return {"w": images * steps}


@pytest.mark.parametrize("wrap", [with_position, without_position])
@pytest.mark.parametrize("kind", [Doubling, Inverting, Generating, Both, Drawing, Slow])
def test_wrapping_keeps_what_an_extractor_can_do(kind: type[Doubling], wrap: Callable[[Backbone], Backbone]) -> None:
    """Wrapped, an extractor inverts and generates if and only if it did, and passes the checks as before."""
    backbone = wrap(Backbone("toy", 8, (3,), load=kind))
    extractor = backbone.load()
    assert isinstance(extractor, Inverts) == issubclass(kind, Inverting)
    assert isinstance(extractor, Generates) == issubclass(kind, Generating)
    assert isinstance(extractor, Draws) == issubclass(kind, Drawing)
    assert isinstance(extractor, Stepwise) == isinstance(extractor, Frugal) == (kind is Slow)
    for check in CHECKS:
        check(backbone)


def test_thrift_steps_and_settings_reach_the_wrapped() -> None:
    """A wrapper passes on how much memory there is, how many steps it takes and what its codes depend on."""
    inner = Slow()
    extractor = with_position(Backbone("toy", 8, (3,), load=lambda: inner)).load()
    assert isinstance(extractor, Frugal) and isinstance(extractor, Stepwise)
    extractor.room = 5  # type: ignore[misc]
    assert (inner.room, extractor.room, extractor.steps, extractor.settings) == (5, 5, 10, "slow")  # type: ignore[attr-defined]
    assert torch.equal(extractor.attempt(torch.ones(1, 3, 8, 8), 3)["w"], torch.full((1, 3, 8, 8), 3.0))


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


def placed(channels: int, side: int = 8) -> tuple[Extractor, Tensor]:
    """An extractor whose maps are a linear reading of the image, and something that depends on the place alone."""
    random = torch.Generator().manual_seed(channels)
    place = torch.randn(channels, side, side, generator=random) + 3
    reading = torch.randn(channels, 3, 1, 1, generator=random)
    return lambda images: [F.conv2d(images, reading) + place], place


@pytest.mark.parametrize(("channels", "directions", "kept"), [(40, 20, 20), (40, 39, 39), (40, 500, 20), (5, 500, 2)])
def test_position_is_projected_out_as_written(channels: int, directions: int, kept: int) -> None:
    """F - U Uᵀ F, with U of a singular value decomposition of a black image's centred cells of length one (INSID3).

    Of a map that has no more channels than directions are asked for, half of the channels' number is taken.
    """
    inner, place = placed(channels)
    images = torch.rand(2, 3, 8, 8)
    cells = F.normalize(place.double().flatten(1), dim=0)
    basis = torch.linalg.svd(cells - cells.mean(1, keepdim=True), full_matrices=False).U[:, :kept]
    expected = (torch.eye(channels) - basis @ basis.T) @ inner(images)[0].double().flatten(2)

    wrapped = without_position(Backbone("toy", 8, (channels,), load=lambda: inner), str(directions)).load()
    (found,) = wrapped(images)
    assert (found.flatten(2) - expected).abs().max() < 1e-5 * expected.abs().max()
    assert wrapped.settings == f"position projected out: {kept} of {channels} directions"  # type: ignore[attr-defined]


def test_directions_that_rounding_made_are_none() -> None:
    """What varies in three ways over a black image loses three directions, however many are asked for."""
    random = torch.Generator().manual_seed(0)
    ways, cells = torch.randn(12, 3, generator=random), torch.randn(3, 8, 8, generator=random)
    place = (ways @ cells.flatten(1)).view(12, 8, 8)
    assert positional_basis(place, 9).shape == (12, 3)
    assert positional_basis(torch.ones(12, 8, 8), 9).shape == (12, 0)


def test_every_map_loses_its_own_position_on_every_way_in() -> None:
    """Calling, maps of codes and samples are projected alike, and nothing of place alone is left in them."""
    place = torch.randn(3, 8, 8)

    class Placed(Both):
        def __call__(self, images: Tensor) -> list[Tensor]:
            return [images * 2, images.mean((1, 2, 3), keepdim=True) + place]

    extractor = without_position(Backbone("toy", 8, (3, 3), load=Placed), "2").load()
    assert isinstance(extractor, Inverts) and isinstance(extractor, Generates)
    images, sampled = extractor.sample(2, 0)
    basis = positional_basis(place, 2).float()
    for maps in (extractor(images), extractor.maps(extractor.invert(images)), sampled):
        assert torch.equal(maps[0], images * 2)  # a black image says nothing there
        assert torch.allclose(basis.T @ maps[1].flatten(2), torch.zeros(()), atol=1e-5)


def test_wrappers_have_one_order() -> None:
    """Position is projected out before the coordinates are appended; a wrapper twice, or none to take, is refused."""
    toy = Backbone("toy", 8, (3,), load=Doubling)
    both = wrap_backbone(toy, ("-position2", "+position"))
    assert (both.name, both.channels) == ("toy-position2+position", (3, 20))
    for wrong in (("+position", "-position"), ("+position", "+position"), ("-position", "-position20")):
        with pytest.raises(BackboneError, match=r"write each once, -position before \+anyup before \+position$"):
            wrap_backbone(toy, wrong)
    with pytest.raises(BackboneError, match=r"^toy-position0 projects nothing out; leave -position0 out"):
        wrap_backbone(toy, ("-position0",))


def test_a_wrapped_backbone_is_of_the_same_kind() -> None:
    """Weights, origin, twin and whether it learnt stay; what makes or trains a family does not."""
    toy = Backbone(
        "toy", 8, (3,), load=Doubling, untrained=lambda _: Doubling(), origin="hub", learnt=False, local=False,
        configure=lambda *_: toy, known_failures={"batch": "so"},
    )  # fmt: skip
    for wrapped in (with_position(toy), without_position(toy)):
        kept = (wrapped.weights, wrapped.origin, wrapped.learnt, wrapped.local, wrapped.known_failures)
        assert kept == (toy.weights, "hub", False, False, {"batch": "so"})
        assert wrapped.configure is wrapped.trainer is None and twin(wrapped, 0).name == f"random:{wrapped.name}"
