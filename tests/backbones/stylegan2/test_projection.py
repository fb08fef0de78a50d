"""Projection finds the codes of images, and the distances that it descends are what they say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.descent import Descent, Tables, noise_penalty, normalise
from partbench.backbones.stylegan2.extractor import StyleGAN2Extractor
from partbench.backbones.stylegan2.perceptual import (
    Distance,
    discriminator_distance,
)
from partbench.backbones.stylegan2.projection import descend, project, spread_of_w, start_noise
from partbench.backbones.stylegan2.schedule import (
    METHODS,
    ProjectionSettings,
    learning_rate,
)
from partbench.backbones.stylegan2.weights import Networks, untrained

TINY = StyleGAN2Config(size=16, latent=16, depth=2, width=256, cap=16)
WIDE = StyleGAN2Config(size=16, latent=64, depth=2, width=1024, cap=64)
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


def doubles() -> Networks:
    """The same in float64, where rounding stays far below what is compared."""
    found = untrained(TINY, 0)
    for part in found.parts().values():
        part.double()
    for conv in found.generator.convs:
        conv.strength.fill_(0.1)  # type: ignore[operator]
    return found.frozen()


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


@given(
    method=st.sampled_from(["descend", "optimise"]),
    order=st.permutations(range(5)),
    count=st.integers(1, 4),
    settled=st.sampled_from([0.0, 0.05, 0.3]),
)
@settings(max_examples=8, deadline=None)
def test_a_code_does_not_depend_on_its_neighbours(method: str, order: list[int], count: int, settled: float) -> None:
    """In float64 to 1e-9: whoever is projected with an image, and whenever they end, it gets its code."""
    networks = doubles()
    projection = replace(METHODS[method], steps=24, settled=settled)
    generator, distance = networks.generator, discriminator_distance(networks.discriminator)
    targets = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(3)).double()[order[:count]] * 2 - 1
    start = generator.average.expand(count, generator.styles, -1)
    together, noise = project(generator, distance, targets, start, projection)
    alone, own = project(generator, distance, targets[:1], start[:1], projection)
    torch.testing.assert_close(together[:1], alone, rtol=1e-9, atol=1e-9)
    for level, single in zip(noise, own, strict=True):
        torch.testing.assert_close(level[:1], single, rtol=1e-9, atol=1e-9)


@given(
    method=st.sampled_from(["descend", "optimise", "encode"]),
    lots=st.lists(st.lists(st.integers(0, 10), min_size=1, max_size=4, unique=True), min_size=1, max_size=2),
)
@settings(max_examples=6, deadline=None)
def test_a_code_has_the_same_bits_in_every_lot(method: str, lots: list[list[int]]) -> None:
    """On a CPU: with which others, at which place, and alone."""
    whole = inverted(method)
    for lot in lots:
        for name, code in whole.extractor.invert(whole.images[lot]).items():
            assert torch.equal(code, whole.codes[name][lot]), (name, lot)


def test_a_code_has_the_same_bits_on_two_threads() -> None:
    """The first step would tell: the encoder's sums are the longest."""
    extractor = StyleGAN2Extractor(untrained(WIDE, 0).frozen(), LAYERS, "encode")
    extractor.projection = replace(METHODS["encode"], steps=2)
    before, codes = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            codes.append(extractor.invert(inverted("encode").images[:3])["styles"])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*codes)


@pytest.mark.parametrize("method", ["descend", "optimise", "encode"])
def test_a_code_has_the_same_bits_whoever_ends_before(method: str) -> None:
    """Also where the others end and one is left, beside one that has ended."""
    whole = inverted(method)
    (a, b, *_), (c, d, *_) = sorted(set(range(11)) - set(whole.late)), whole.late
    for lot in ([a, c], [c, a, b], [a, c, b, d], [d, a]):
        for name, code in whole.extractor.invert(whole.images[lot]).items():
            assert torch.equal(code, whole.codes[name][lot]), (name, lot)


@dataclass(frozen=True)
class Whole:
    """Images, the codes that they have together, and which of them end after the others."""

    extractor: StyleGAN2Extractor
    images: Tensor
    codes: dict[str, Tensor]
    late: list[int]


@cache
def inverted(method: str) -> Whole:
    """Eleven images of which some settle early, under networks whose matrices are large enough to be cut."""
    extractor = StyleGAN2Extractor(untrained(WIDE, 0).frozen(), LAYERS, method)
    extractor.projection = replace(METHODS[method], steps=30, settled=0.15)
    images = torch.rand(11, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    images[::3] = images[::3] * 0.1 + 0.45
    left: list[Tensor] = []

    def watched(descent: Descent) -> Tensor:
        left.append(descend(descent))
        return left[-1]

    with patch("partbench.backbones.stylegan2.projection.descend", watched):
        codes = extractor.invert(images)
    return Whole(extractor, images, codes, left[0].tolist())


def test_the_last_image_is_not_left_alone(networks: Networks) -> None:
    """torch convolves a single image in another way; where memory holds no two, it is alone all the same."""
    counts: list[int] = []

    def look(images: Tensor) -> list[Tensor]:
        counts.append(len(images))
        return [images]

    extractor = StyleGAN2Extractor(networks.frozen(), LAYERS, "descend")
    extractor.projection = replace(extractor.projection, steps=2)
    extractor.__dict__["distance"] = Distance(look)
    image = torch.rand(1, 3, 16, 16)
    codes = extractor.invert(image)
    assert set(counts) == {2} and len(codes["styles"]) == 1
    extractor.room = 12 * 4 * TINY.activations
    counts.clear()
    few = extractor.invert(image)
    assert set(counts) == {1}
    torch.testing.assert_close(few["styles"], codes["styles"], rtol=1e-3, atol=1e-3)


def test_an_image_that_gains_no_more_ends_before_the_others(networks: Networks) -> None:
    """It goes on to the rampdown after the first ten steps that gained too little, and then leaves the batch."""
    counts: list[int] = []
    generator = networks.frozen().generator

    def look(images: Tensor) -> list[Tensor]:
        counts.append(len(images))
        return [images]

    quiet = [torch.zeros(1, 1, r, r) for r, _ in TINY.layers]
    start = generator.average.expand(3, generator.styles, -1)
    found = generator.synthesis(start[:1], quiet)[0]
    targets = torch.cat([found, generated(networks, 2)])
    projection = replace(METHODS["descend"], steps=80, settled=0.01)
    project(generator, Distance(look), targets, start, projection)
    assert counts == [3] + [3] * 40 + [2] * (len(counts) - 41), "20 steps without a gain, then 20 of the rampdown"
    assert 41 < len(counts) <= 81
    counts.clear()
    project(generator, Distance(look), targets, start, replace(projection, settled=0.0))
    assert counts == [3] * 81


@pytest.mark.parametrize("method", ["descend", "optimise"])
def test_an_image_that_has_ended_stays_as_it_is(networks: Networks, method: str) -> None:
    """In a batch that cannot shrink, as that of a graph."""
    projection, generator = replace(METHODS[method], steps=4), networks.frozen().generator
    code = generator.average.expand(2, 1, -1).clone()
    noise, target = start_noise(generator, projection, 2), COLOURS.to(torch.rand(2, 3, 16, 16))
    descent = Descent.begin(generator, projection, Tables.of(projection, code, 0.1), target, code, noise)
    descent.at[0] = projection.steps
    before = [x.clone() for x in descent.free]
    for _ in range(3):
        descent.step()
    assert all(
        torch.equal(x[0], y[0]) and not torch.equal(x[1], y[1]) for x, y in zip(before, descent.free, strict=True)
    )
    assert descent.at.tolist() == [4, 3] and descent.taken == 3


def test_a_recorded_batch_shrinks_by_halves(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each size is a recording of its own; the codes are those of plain steps."""
    monkeypatch.setattr("partbench.backbones.stylegan2.projection.can_record", lambda device: True)
    generator, targets = networks.frozen().generator, generated(networks, 5)
    targets[3:] = 0
    start = generator.average.expand(5, generator.styles, -1)
    projection = replace(METHODS["descend"], steps=60, settled=0.4)
    sizes: list[int] = []
    plain = Descent.step

    def step(self: Descent) -> Tensor:
        sizes.append(len(self.at))
        return plain(self)

    monkeypatch.setattr(Descent, "step", step)
    halved, _ = project(generator.double(), COLOURS, targets.double(), start.double(), projection)
    assert set(sizes) <= {5, 2, 1} and len(set(sizes)) > 1
    monkeypatch.setattr("partbench.backbones.stylegan2.projection.can_record", lambda device: False)
    shrunk, _ = project(generator, COLOURS, targets.double(), start.double(), projection)
    torch.testing.assert_close(halved, shrunk, rtol=1e-9, atol=1e-9)


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
    normalise([smooth], torch.ones(3, dtype=torch.bool))
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
    normalise(noise, torch.ones(2, dtype=torch.bool))
    for level in noise:
        torch.testing.assert_close(level.mean((1, 2, 3)), torch.zeros(2), rtol=0, atol=1e-4)
        torch.testing.assert_close(level.square().mean((1, 2, 3)), torch.ones(2), rtol=0, atol=1e-3)
