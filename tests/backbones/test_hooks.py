"""Named layers of any module become maps, and a layer that gives none is named."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.checks import CHECKS
from partbench.backbones.hooks import Activations


class Pair(nn.Module):
    """A layer with two outputs."""

    def forward(self, images: Tensor) -> tuple[None, Tensor, Tensor]:
        return None, images + 1, images + 2


class Text(nn.Module):
    """A layer without a tensor."""

    def forward(self, _images: Tensor) -> str:
        return "no tensor"


class Network(nn.Module):
    """A network with every kind of layer that makes trouble."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.BatchNorm2d(4))
        self.down = nn.Conv2d(4, 6, 2, stride=2)
        self.shared, self.idle, self.pair, self.text = nn.Identity(), nn.Identity(), Pair(), Text()

    def forward(self, images: Tensor) -> Tensor:
        self.text(images)
        self.pair(images)
        out: Tensor = self.down(self.shared(self.shared(self.body(images))))
        return out


IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def network() -> Network:
    """The same network every time."""
    torch.manual_seed(0)
    return Network()


def test_maps_come_in_the_order_of_their_names() -> None:
    """The order of `layers` counts, not that of the forward pass; each map has its native size."""
    down, body = Activations(network(), layers=("down", "body.0"))(IMAGES)
    assert (down.shape, body.shape) == ((2, 6, 4, 4), (2, 4, 8, 8))


def test_a_layer_in_place_does_not_write_into_the_map_before_it() -> None:
    """The output of a convolution is what the convolution gave, before the in-place ReLU behind it."""
    module = network()
    (conv,) = Activations(module, layers=("body.0",))(IMAGES)
    assert torch.equal(conv, module.get_submodule("body.0")(IMAGES))
    assert conv.min() < 0


def test_the_first_tensor_of_a_tuple_counts() -> None:
    """Of several outputs, the map is the first that is a tensor."""
    (first,) = Activations(network(), layers=("pair",))(IMAGES)
    assert torch.equal(first, IMAGES + 1)


def test_the_way_to_call_the_module_can_be_given() -> None:
    """`forward` says which part of a module runs."""
    extractor = Activations(
        network(), layers=("body.0",), forward=lambda module, images: module.get_submodule("body")(images * 0)
    )
    torch.testing.assert_close(extractor(IMAGES)[0], network().body[0](IMAGES * 0))


def test_the_module_is_frozen_and_left_without_hooks() -> None:
    """Batch norm is in evaluation mode, no map has a gradient, and no hook stays, not even after an error."""
    module = network()
    (maps,) = Activations(module, layers=("body",))(IMAGES)
    assert not module.training
    assert not maps.requires_grad
    with pytest.raises(RuntimeError):
        Activations(module, layers=("body",))(torch.rand(2, 5, 8, 8))
    assert all(not layer._forward_hooks for layer in module.modules())


def test_two_extractors_of_one_module_and_a_copy_do_not_meddle() -> None:
    """Each collects its own layers, and so does a deep copy."""
    module = network()
    one, other = Activations(module, layers=("body",)), Activations(module, layers=("down",))
    twin = copy.deepcopy(one)
    assert [maps.shape[1] for extractor in (one, other, twin) for maps in extractor(IMAGES)] == [4, 6, 4]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("body.9", r"^Network has no layer 'body.9'; did you mean 'body.\d' or 'body.\d' or 'body.\d'\?$"),
        ("xyz", r"^Network has no layer 'xyz'; `named_modules\(\)` lists what it has$"),
    ],
)
def test_an_unknown_layer_is_an_error_at_once(layer: str, message: str) -> None:
    """A layer that is not there is named with those that resemble it."""
    with pytest.raises(BackboneError, match=message):
        Activations(network(), layers=("body.0", layer))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("idle", "^layer 'idle' of Network is not reached; name another, or say with `forward` how to call it$"),
        ("shared", "^layer 'shared' of Network is called twice in one forward pass; name layers that are called once$"),
        ("text", "^layer 'text' of Network gives a str, no tensor; name a layer that gives one$"),
    ],
)
def test_a_layer_that_gives_no_one_map(layer: str, message: str) -> None:
    """A layer must be called once and give a tensor."""
    with pytest.raises(BackboneError, match=message):
        Activations(network(), layers=("body.0", layer))(IMAGES)


@pytest.mark.parametrize("check", CHECKS)
def test_activations_are_an_extractor(check: object) -> None:
    """A network seen through its layers passes the checks of any backbone."""
    assert callable(check)
    check(Backbone("toy", 16, (4, 6), load=lambda: Activations(network(), layers=("body.0", "down"))))
