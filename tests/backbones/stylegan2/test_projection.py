"""Projection finds the codes of images, and the distances that it descends are what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
from partbench.backbones.stylegan2.projection import (
    METHODS,
    ProjectionSettings,
    learning_rate,
    noise_penalty,
    normalise,
    project,
    spread_of_w,
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


def generated(networks: Networks, count: int) -> Tensor:
    """Images in [-1, 1] of w+ without noise, a style of its own in every layer."""
    generator, random = networks.generator, torch.Generator().manual_seed(1)
    z = torch.randn(count * generator.styles, TINY.latent, generator=random).to(generator.constant)
    w = generator.mapping(z)
    quiet = [torch.zeros(1, 1, r, r) for r, _ in TINY.layers]
    return generator.synthesis(w.reshape(count, generator.styles, -1), quiet)[0]


def test_a_generated_image_is_found_again(networks: Networks) -> None:
    """A hundred steps from the mean of w bring the distance down to a fraction."""
    generator, distance = networks.generator, discriminator_distance(networks.discriminator)
    targets = generated(networks, 2)
    start = generator.average.expand(2, generator.styles, -1)
    styles, noise = project(generator, distance, targets, start, replace(METHODS["descend"], steps=100))
    with torch.no_grad():
        before, after = (distance(generator.synthesis(each, noise)[0], targets) for each in (start, styles))
        found, _ = generator.synthesis(styles, noise)
    assert (after < before / 20).all()
    assert (found - targets).norm() < 0.2 * targets.norm()
    assert styles.shape == (2, generator.styles, TINY.latent)
    assert not styles.requires_grad


@pytest.mark.parametrize("method", ["descend", "optimise"])
def test_images_do_not_influence_each_other(networks: Networks, method: str) -> None:
    """Three images projected together get the codes that each gets alone."""
    for part in networks.parts().values():
        part.double()  # rounding grows along a descent
    projection = replace(METHODS[method], steps=8)
    generator, distance = networks.generator, discriminator_distance(networks.discriminator)
    targets = generated(networks.frozen(), 3) if method == "descend" else torch.rand(3, 3, 16, 16).double()
    start = generator.average.expand(3, generator.styles, -1)
    together, noise = project(generator, distance, targets, start, projection)
    for i in range(3):
        alone, own = project(generator, distance, targets[i : i + 1], start[:1], projection)
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-5, atol=1e-5)
        for level, single in zip(noise, own, strict=True):
            torch.testing.assert_close(level[i : i + 1], single, rtol=1e-4, atol=1e-4)


def test_the_weights_stay_as_they_are(networks: Networks) -> None:
    """A projection moves codes, never the network."""
    before = {k: v.clone() for k, v in networks.generator.state_dict().items()}
    start = networks.generator.average.expand(1, networks.generator.styles, -1)
    kept = start.clone()
    project(networks.generator, COLOURS, generated(networks, 1), start, replace(METHODS["descend"], steps=2))
    after = networks.generator.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert torch.equal(start, kept)


def test_optimise_finds_noise_too_and_keeps_it_in_the_codes(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper's method gives one w for all layers, and noise of zero mean and unit variance per convolution."""
    monkeypatch.setitem(METHODS, "optimise", replace(METHODS["optimise"], steps=5))
    extractor = StyleGAN2Extractor(networks, LAYERS, "optimise")
    codes = extractor.invert(generated(networks, 2) / 2 + 0.5)
    assert set(codes) == {"styles", *(f"noise.{i}" for i in LAYERS)}
    assert (codes["styles"] == codes["styles"][:, :1]).all()
    start = torch.Generator().manual_seed(0)
    for i, (side, _) in enumerate(TINY.layers):
        level, first = codes[f"noise.{i}"], torch.randn(1, 1, side, side, generator=start)
        assert level.shape == (2, 1, side, side)
        torch.testing.assert_close(level.mean((1, 2, 3)), torch.zeros(2), rtol=0, atol=1e-4)
        torch.testing.assert_close(level.square().mean((1, 2, 3)), torch.ones(2), rtol=0, atol=1e-4)
        assert not torch.allclose(level, first.expand_as(level), atol=1e-2)
    quiet = {"styles": codes["styles"]}
    assert not torch.equal(extractor.reconstruct(codes), extractor.reconstruct(quiet))
    assert not torch.equal(extractor.maps(codes)[0], extractor.maps(quiet)[0])


def test_encode_starts_from_the_encoder(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a step, its codes are the mean of w plus what the encoder proposes; `descend` has the mean alone."""
    images = torch.rand(2, 3, 16, 16)
    mean = networks.generator.average.expand(2, networks.generator.styles, -1)
    for method, start in (("encode", mean + networks.encoder(images * 2 - 1)), ("descend", mean)):
        monkeypatch.setitem(METHODS, method, replace(METHODS[method], steps=0))
        codes = StyleGAN2Extractor(networks, LAYERS, method).invert(images)
        torch.testing.assert_close(codes["styles"], start)


def test_a_proposal_is_the_encoders_alone(networks: Networks) -> None:
    """`propose` takes no step."""
    images = torch.rand(2, 3, 16, 16)
    codes = StyleGAN2Extractor(networks, LAYERS, "propose").invert(images)
    mean = networks.generator.average.expand(2, networks.generator.styles, -1)
    torch.testing.assert_close(codes["styles"], mean + networks.encoder(images * 2 - 1))  # type: ignore[misc]


def test_the_learning_rate_rises_and_falls() -> None:
    """Linearly up over the first 5 % of the steps, along a cosine to zero over the last quarter."""
    paper = ProjectionSettings()
    rates = [learning_rate(paper, step) for step in range(paper.steps)]
    assert rates[0] == pytest.approx(0.1 / 50)
    assert rates[24] == pytest.approx(0.1 / 2)
    assert rates[49:751] == pytest.approx([0.1] * 702)
    assert rates[875] == pytest.approx(0.05)
    assert 0 < rates[-1] < 1e-5
    assert learning_rate(replace(paper, rampup=0.0, rampdown=0.0), 999) == pytest.approx(0.1)


def test_the_spread_of_w_is_a_distance_from_its_mean(networks: Networks) -> None:
    """The square root of the mean squared distance of w from its average."""
    w = networks.generator.mapping(torch.randn(5000, TINY.latent, generator=torch.Generator().manual_seed(5)))
    expected = (w - w.mean(0)).square().sum(1).mean().sqrt().item()
    assert spread_of_w(networks.generator) == pytest.approx(expected, rel=0.05)


def test_the_noise_penalty_is_of_signals_in_the_noise() -> None:
    """White noise costs next to nothing, smooth noise a lot; image by image."""
    random = torch.Generator().manual_seed(0)
    white = torch.randn(3, 1, 64, 64, generator=random)
    smooth = F.avg_pool2d(F.pad(white, (4, 4, 4, 4), mode="circular"), 9, 1)
    normalise([smooth])
    quiet, loud = noise_penalty([white]), noise_penalty([smooth])
    assert quiet.shape == (3,)
    assert (quiet < 0.15).all()
    assert (loud > 1.5).all()
    torch.testing.assert_close(noise_penalty([white[:1]]), quiet[:1])


def test_the_noise_penalty_looks_at_every_scale() -> None:
    """At 16 pixels: at full size and at half of it, whose averages are doubled to keep unit variance."""
    level = torch.randn(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    half = level.reshape(8, 2, 8, 2).mean((1, 3))[None, None] * 2
    expected = 0.0
    for each in (level, half):
        for axis in (2, 3):
            expected += (each * each.roll(1, axis)).mean().item() ** 2
    assert noise_penalty([level]).item() == pytest.approx(expected, rel=1e-4)


def test_normalise_works_on_every_image_alone() -> None:
    """Zero mean and unit variance per image and level."""
    scales = torch.tensor([1e-2, 9.0])[:, None, None, None]
    noise = [3 + 5 * torch.randn(2, 1, 8, 8), scales * torch.randn(2, 1, 16, 16)]
    normalise(noise)
    for level in noise:
        torch.testing.assert_close(level.mean((1, 2, 3)), torch.zeros(2), rtol=0, atol=1e-4)
        torch.testing.assert_close(level.square().mean((1, 2, 3)), torch.ones(2), rtol=0, atol=1e-3)


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
