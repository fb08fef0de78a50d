"""The networks of StyleGAN2 compute what the paper writes, held against naive references."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from partbench.backbones.stylegan2 import layers
from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.layers import (
    SLOPE,
    EqualConv,
    EqualLinear,
    ModulatedConv,
    StyledConv,
    ToRGB,
    dense,
)
from partbench.backbones.stylegan2.networks import (
    StyleGAN2Discriminator,
    StyleGAN2Encoder,
    StyleGAN2Generator,
    minibatch_stddev,
)

TINY = StyleGAN2Config(size=16, latent=16, depth=2, width=256, cap=16)
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def upfirdn(x: Tensor, up: int, before: int, after: int, gain: float = 1.0) -> Tensor:
    """Zero-insertion, zero padding, and the FIR filter [1, 3, 3, 1], one output pixel at a time per channel."""
    count, channels, h, w = x.shape
    wide = x.new_zeros(count, channels, h * up, w * up)
    wide[:, :, ::up, ::up] = x
    wide = F.pad(wide, (before, after, before, after))
    kernel = torch.outer(TAPS, TAPS) * gain
    rows, columns = wide.shape[2] - 3, wide.shape[3] - 3
    out = x.new_zeros(count, channels, rows, columns)
    for i in range(rows):
        for j in range(columns):
            out[:, :, i, j] = (wide[:, :, i : i + 4, j : j + 4] * kernel).sum((2, 3))
    return out


def modulated_weights(conv: ModulatedConv, w: Tensor) -> Tensor:
    """Equations (1) to (3): the kernels (N, outputs, inputs, k, k) that every image has of its own."""
    style = w @ (conv.style.weight * conv.style.scale).T + conv.style.bias
    weights = conv.scale * conv.weight * style[:, None, :, None, None]
    if not conv.demodulate:
        return weights
    return weights / (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()


def grouped_convolution(x: Tensor, weights: Tensor) -> Tensor:
    """Every image under its own kernels."""
    count, outputs, inputs, k, _ = weights.shape
    flat = x.reshape(1, count * inputs, *x.shape[2:])
    out = F.conv2d(flat, weights.reshape(count * outputs, inputs, k, k), padding=k // 2, groups=count)
    return out.reshape(count, outputs, *x.shape[2:])


def finished(conv: ModulatedConv, x: Tensor, w: Tensor) -> Tensor:
    """What the layer gives, with the demodulation that it leaves to its caller."""
    out, demodulation = conv(x, w)
    result: Tensor = out if demodulation is None else out * demodulation[:, :, None, None]
    return result


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_modulated_convolution_is_a_grouped_one(kernel: int, demodulate: bool) -> None:
    """Scaling before and after a shared convolution is equations (1) to (3) of the paper."""
    conv = ModulatedConv(5, 7, kernel, latent=4, demodulate=demodulate)
    x, w = torch.randn(3, 5, 6, 6), torch.randn(3, 4)
    torch.testing.assert_close(finished(conv, x, w), grouped_convolution(x, modulated_weights(conv, w)))


@pytest.fixture(params=["one after the other", "folded"])
def _folded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filter and convolution as on a CPU, and as on a GPU."""
    monkeypatch.setattr(layers, "folds", lambda x: request.param == "folded")


@pytest.mark.usefixtures("_folded")
def test_an_upsampling_one_is_zero_insertion_convolution_and_filter() -> None:
    """The transposed convolution spreads every pixel by the kernel over twice the size, the FIR filter smooths it."""
    conv = ModulatedConv(5, 7, 3, latent=4, up=True)
    x, w = torch.randn(2, 5, 4, 4), torch.randn(2, 4)
    wide = x.new_zeros(2, 5, 9, 9)  # 2 h + 1: the kernel reaches over both borders
    wide[:, :, 1::2, 1::2] = x
    spread = grouped_convolution(wide, modulated_weights(conv, w).flip(3, 4))
    expected = upfirdn(spread, 1, before=1, after=1, gain=4)
    torch.testing.assert_close(finished(conv, x, w), expected)
    assert expected.shape == (2, 7, 8, 8)


def test_demodulated_outputs_have_unit_variance() -> None:
    """Whatever the style, unit-variance inputs come out with unit variance (section 2.2)."""
    conv = ModulatedConv(32, 16, 3, latent=8)
    out = finished(conv, torch.randn(4, 32, 34, 34), 3 * torch.randn(4, 8))[:, :, 1:-1, 1:-1]
    torch.testing.assert_close(out.var((2, 3)), torch.ones(4, 16), rtol=0, atol=0.25)
    assert out.var().item() == pytest.approx(1, abs=0.03)


def test_a_styled_convolution_adds_noise_and_bias_before_its_slope() -> None:
    """Activation = sqrt 2 x leaky ReLU of convolution, scaled noise and bias."""
    layer = StyledConv(5, 6, latent=4)
    with torch.no_grad():
        layer.strength.fill_(0.7)
        layer.bias.normal_()
    x, w, noise = torch.randn(2, 5, 4, 4), torch.randn(2, 4), torch.randn(2, 1, 4, 4)
    inner = finished(layer.conv, x, w) + 0.7 * noise + layer.bias[:, None, None]
    torch.testing.assert_close(layer(x, w, noise), math.sqrt(2) * F.leaky_relu(inner, SLOPE))


def test_the_learning_rate_is_equalised() -> None:
    """Weights are drawn from N(0, 1) and scaled at run time; `rate` divides what is stored and multiplies it back."""
    layer = EqualLinear(400, 300, bias=1.0, rate=0.01)
    assert layer.weight.std().item() == pytest.approx(100, rel=0.02)
    x = torch.randn(5, 400)
    torch.testing.assert_close(layer(x), x @ (layer.weight * 0.01 / 20).T + 1)
    conv = EqualConv(8, 40, 3, activate=False)
    assert conv.weight.std().item() == pytest.approx(1, rel=0.05)
    x = torch.randn(2, 8, 16, 16)
    torch.testing.assert_close(conv(x), F.conv2d(x, conv.weight / math.sqrt(72), padding=1))
    torch.testing.assert_close(EqualLinear(9, 4, activate=True)(torch.zeros(1, 9)), torch.zeros(1, 4))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_row_of_a_dense_layer_has_the_same_bits_among_any_others(threads: int) -> None:
    """And on any number of threads, which share the terms of long sums among them."""
    x, weight, bias = torch.randn(37, 2048), torch.randn(256, 2048), torch.randn(256)
    whole, before = dense(x, weight, bias), torch.get_num_threads()
    torch.testing.assert_close(whole, F.linear(x, weight, bias), rtol=1e-4, atol=1e-4)
    torch.set_num_threads(threads)
    try:
        for lot in (slice(1), slice(3, 5), slice(16), slice(11, 37), slice(None, None, 4)):
            assert torch.equal(dense(x[lot], weight, bias), whole[lot])
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures("_folded")
@pytest.mark.parametrize("kernel", [1, 3])
def test_downsampling_filters_first(kernel: int) -> None:
    """The discriminator's strided convolutions halve the size behind the FIR filter."""
    conv = EqualConv(3, 5, kernel, down=True, activate=False)
    x = torch.randn(2, 3, 8, 8)
    smooth = upfirdn(x, 1, before=(kernel + 1) // 2, after=(kernel + 1) // 2)
    expected = F.conv2d(smooth, conv.weight / math.sqrt(3 * kernel**2), stride=2)
    torch.testing.assert_close(conv(x), expected)
    assert expected.shape == (2, 5, 4, 4)


def test_the_image_is_the_sum_of_upsampled_rgbs() -> None:
    """The skip generator adds the RGB of every side to that of the side below, upsampled by the FIR filter."""
    generator = StyleGAN2Generator(TINY)
    styles = torch.randn(2, generator.styles, TINY.latent)
    image, maps = generator.synthesis(styles, generator.noise(2))
    expected = torch.zeros(2, 3, 2, 2)
    for i, rgb in enumerate(generator.rgbs):
        assert isinstance(rgb, ToRGB)
        own = finished(rgb.conv, maps[2 * i], styles[:, 2 * i + 1]) + rgb.bias[:, None, None]
        expected = own + upfirdn(expected, 2, before=2, after=1, gain=4)
    torch.testing.assert_close(image, expected)
    assert [tuple(m.shape[1:]) for m in maps] == [(c, r, r) for r, c in TINY.layers]


def test_minibatch_stddev_is_one_number_per_group() -> None:
    """Images i, i + N/4, i + 2N/4 and i + 3N/4 form a group and share the mean of their standard deviations."""
    x = torch.randn(8, 3, 2, 2)
    out = minibatch_stddev(x)
    torch.testing.assert_close(out[:, :3], x)
    for i in range(8):
        members = torch.stack([x[j] for j in range(8) if j % 2 == i % 2])
        expected = (members.var(0, unbiased=False) + 1e-8).sqrt().mean()
        torch.testing.assert_close(out[i, 3], expected.expand(2, 2))
    assert minibatch_stddev(torch.randn(6, 3, 2, 2)).shape == (6, 4, 2, 2)


def test_the_mapping_ignores_the_length_of_z() -> None:
    """z is brought to the unit hypersphere first."""
    mapping, z = StyleGAN2Generator(TINY).mapping, torch.randn(3, TINY.latent)
    torch.testing.assert_close(mapping(5 * z), mapping(z))


def test_style_mixing_takes_over_at_the_crossover() -> None:
    """From the crossover on, every style is that of the second latent."""
    generator = StyleGAN2Generator(TINY)
    z, mix = torch.randn(2, 1, TINY.latent)
    first, second = (generator.broadcast(generator.mapping(each)) for each in (z, mix))
    # The noise has strength 0 before training, so images can be compared.
    images, _ = generator.synthesis(torch.cat([first[:, :2], second[:, 2:]], 1), generator.noise(1))
    torch.testing.assert_close(generator(z, mix, 2), images)
    torch.testing.assert_close(generator(z, mix, generator.styles), generator(z))


def test_discriminator_and_encoder_have_the_forms_they_promise() -> None:
    """One logit per image, features from fine to coarse, and one offset per style."""
    images = torch.randn(4, 3, 16, 16)
    discriminator = StyleGAN2Discriminator(TINY)
    assert discriminator(images).shape == (4,)
    sides = [f.shape[-1] for f in discriminator.features(images)]
    assert sides == [16, 8, 4]
    assert StyleGAN2Encoder(TINY)(images).shape == (4, StyleGAN2Generator(TINY).styles, TINY.latent)


def test_configuration_f_has_the_published_number_of_parameters() -> None:
    """The generator at 1024 pixels has the 30,370,060 parameters of the published one: every layer counted by hand."""
    config = StyleGAN2Config()
    mapping = 8 * (512 * 512 + 512)
    inputs = [512, *(c for _, c in config.layers[:-1])]
    affine = 512 + 1  # weights and bias per modulated channel
    convs = sum(9 * i * o + affine * i + o + 1 for i, (_, o) in zip(inputs, config.layers, strict=True))
    rgbs = sum(3 * c + affine * c + 3 for c in map(config.channels, config.sides))
    with torch.device("meta"):
        counted = sum(p.numel() for p in StyleGAN2Generator(config).parameters())
        judge = sum(p.numel() for p in StyleGAN2Discriminator(config).parameters())
    assert counted == mapping + 512 * 16 + convs + rgbs == 30_370_060
    assert judge == 29_012_513
