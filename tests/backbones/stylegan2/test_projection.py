"""Projection finds the codes of images, and the distances that it descends are what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.extractor import StyleGAN2Extractor
from partbench.backbones.stylegan2.perceptual import (
    Distance,
    discriminator_distance,
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
