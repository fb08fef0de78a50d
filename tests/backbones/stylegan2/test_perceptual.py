"""The distances that a projection descends are what they say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from partbench.backbones.backbone import BackboneError
from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.extractor import StyleGAN2Extractor
from partbench.backbones.stylegan2.perceptual import (
    Distance,
    directions,
    discriminator_distance,
    feature_distance,
    pixel_distance,
    vgg_distance,
)
from partbench.backbones.stylegan2.weights import Networks, untrained
from partbench.backbones.weights.vgg import FILES, vgg_weights

TINY = StyleGAN2Config(size=16, latent=16, depth=2, width=256, cap=16)


COLOURS = Distance(lambda images: [images])
"""A distance without a network."""


LAYERS = tuple(range(len(TINY.layers)))


@pytest.fixture
def networks() -> Networks:
    """Untrained networks whose noise is switched on."""
    found = untrained(TINY, 0)
    for conv in found.generator.convs:
        conv.strength.fill_(0.1)  # type: ignore[operator]
    return found


def metric(name: str, networks: Networks) -> Distance:
    """A distance by name."""
    found: dict[str, Callable[[], Distance]] = {
        "colours": lambda: COLOURS,
        "discriminator": lambda: discriminator_distance(networks.discriminator),
    }
    return found[name]()


@pytest.mark.parametrize("name", ["colours", "discriminator"])
def test_a_distance_is_zero_between_equals_and_symmetric(networks: Networks, name: str) -> None:
    """Identical images are at 0; others are as far one way as the other."""
    distance = metric(name, networks)
    a, b = torch.rand(2, 4, 3, 16, 16) * 2 - 1
    assert (distance(a, a) == 0).all()
    assert (distance(a, b) > 0).all()
    torch.testing.assert_close(distance(a, b), distance(b, a))


def test_a_target_is_looked_at_once() -> None:
    """However many images are held against it."""
    looks: list[Tensor] = []

    def look(images: Tensor) -> list[Tensor]:
        looks.append(images)
        return [images]

    target, images = torch.rand(2, 2, 3, 8, 8)
    missed = Distance(look).to(target)
    first, second = missed(images), missed(images / 2)
    assert [each is target for each in looks] == [True, False, False]
    torch.testing.assert_close(
        torch.stack([first, second]), torch.stack([COLOURS(images, target), COLOURS(images / 2, target)])
    )


def test_the_pixel_distance_takes_three_scales() -> None:
    """Its mean over full, half and quarter size lets a blurred difference count more than a fine one."""
    black = torch.zeros(1, 3, 8, 8)
    board = torch.ones(8, 8)
    board[::2, ::2] = board[1::2, 1::2] = -1
    assert pixel_distance(board.expand(1, 3, 8, 8), black).item() == pytest.approx(1 / 3)
    assert pixel_distance(torch.ones(1, 3, 8, 8), black).item() == pytest.approx(1)


def test_a_distance_has_the_same_bits_among_any_others() -> None:
    """Of many layers, whose mean torch takes in another order for other numbers of images."""
    random = torch.Generator().manual_seed(0)
    layers = [torch.randn(64, 4, 3, 3, generator=random) for _ in range(5)]
    units = directions([torch.randn(64, 4, 3, 3, generator=random) for _ in range(5)])
    whole = feature_distance(layers, units)
    for count in range(1, 64):
        some = feature_distance([x[:count] for x in layers], [u[:count] for u in units])
        assert torch.equal(some, whole[:count]), count


def test_the_feature_distance_compares_directions() -> None:
    """Features are brought to unit length place by place, as in LPIPS."""
    a, b = torch.zeros(2, 1, 2, 3, 3)
    a[:, 0], b[:, 1] = 5, 0.1
    assert feature_distance([a], directions([b])).item() == pytest.approx(2)
    assert feature_distance([a, a], directions([7 * a, b])).item() == pytest.approx(1)


@pytest.fixture
def vgg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Random weights of VGG16's convolutions, where torchvision would keep the trained ones."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    random = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    channels = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    for place, inputs, outputs in zip(places, (3, *channels), channels, strict=False):
        weight = torch.randn(outputs, inputs, 3, 3, generator=random) * (2 / (9 * inputs)) ** 0.5
        state |= {f"features.{place}.weight": weight, f"features.{place}.bias": torch.zeros(outputs)}
    (tmp_path / "checkpoints").mkdir()
    return state


def test_vgg16_is_used_where_torchvision_keeps_it(vgg: dict[str, Tensor], networks: Networks, tmp_path: Path) -> None:
    """Its file is found and never fetched; the distance reads the ends of its five blocks and no classifier."""
    assert vgg_weights("vgg16") is None
    file = tmp_path / "checkpoints" / FILES["vgg16"]
    torch.save(vgg | {"classifier.0.weight": torch.zeros(1)}, file)
    assert vgg_weights("vgg16") == file
    distance = vgg_distance(file)
    a, b = torch.rand(2, 1, 3, 32, 32) * 2 - 1
    seen = feature_distance(blocks(vgg, a), directions(blocks(vgg, b)))
    torch.testing.assert_close(distance(a, b), pixel_distance(a, b) + seen)
    assert (distance(a, a) == 0).all()
    extractor = StyleGAN2Extractor(networks, LAYERS, "descend", file)
    assert extractor.distance is extractor.distance, "the file is read once"


def test_a_file_that_is_no_vgg16_is_named(vgg: dict[str, Tensor], tmp_path: Path) -> None:
    """A file cut short, or of another network, is told in one sentence."""
    file = tmp_path / FILES["vgg16"]
    file.write_bytes(b"half a file")
    with pytest.raises(BackboneError, match=r"vgg16-397923af.pth is no VGG16 of torchvision's .*; delete it, or fetch"):
        vgg_distance(file)
    torch.save({key: value for key, value in vgg.items() if "28" not in key}, file)
    with pytest.raises(BackboneError, match=r"is no VGG16 of torchvision's \(.*28.weight.*\); delete it"):
        vgg_distance(file)


def blocks(state: dict[str, Tensor], images: Tensor) -> list[Tensor]:
    """VGG16 written out: the last activation before each pooling."""
    x = (images / 2 + 0.5 - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    ends = []
    for block in ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)):
        for place in block:
            x = F.conv2d(x, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1).relu()
        ends.append(x)
        x = F.max_pool2d(x, 2)
    return ends
