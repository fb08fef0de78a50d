"""The VAE (Kingma and Welling 2014): a ResNet that encodes an image as a vector, and one that decodes it."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import RGB, SMALLEST, VAEConfig


def conv3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution whose bias is that of the batch norm behind it."""
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


def project(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """The shortcut where the shape changes: a 1x1 convolution (He et al. 2016, section 3.3, option B)."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class Down(nn.Module):
    """The residual block of He et al. (2016, figure 2), halving: (N, inputs, r, r) to (N, outputs, r/2, r/2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv3(inputs, outputs, stride=2), nn.BatchNorm2d(outputs)
        self.conv2, self.norm2 = conv3(outputs, outputs), nn.BatchNorm2d(outputs)
        self.shortcut = project(inputs, outputs, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class Up(nn.Module):
    """Its mirror image, which doubles the side: (N, inputs, r, r) to (N, outputs, 2r, 2r)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv3(inputs, outputs), nn.BatchNorm2d(outputs)
        self.conv2, self.norm2 = conv3(outputs, outputs), nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if inputs == outputs else project(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(double(x))))))
        # A 1x1 convolution commutes with repeating pixels, and costs a quarter before it.
        return F.relu(y + double(self.shortcut(x)))


def double(x: Tensor) -> Tensor:
    """Each pixel four times: (N, C, r, r) to (N, C, 2r, 2r)."""
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class VAEEncoder(nn.Module):
    """Images (N, 3, S, S) in [0, 1] to mean and log-variance, each (N, latent), of the code's normal distribution."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = [config.channels(side) for side in reversed(config.sides)]
        self.stem = nn.Sequential(conv3(RGB, widths[0]), nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.blocks = nn.Sequential(*(Down(i, o) for i, o in itertools.pairwise(widths)))
        self.statistics = nn.Linear(widths[-1] * SMALLEST**2, 2 * config.latent)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = self.blocks(self.stem(images * 2 - 1))
        mean, log_variance = self.statistics(x.flatten(1)).float().chunk(2, 1)
        return mean, log_variance


class VAEDecoder(nn.Module):
    """Codes (N, latent) to images (N, 3, S, S) in [0, 1]."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        widths = [config.channels(side) for side in config.sides]
        self.start = nn.Linear(config.latent, widths[0] * SMALLEST**2)
        self.norm = nn.BatchNorm2d(widths[0])
        self.blocks = nn.Sequential(*(Up(i, o) for i, o in itertools.pairwise(widths)))
        self.to_rgb = nn.Conv2d(widths[-1], RGB, 3, padding=1)

    def forward(self, codes: Tensor) -> Tensor:
        x = F.relu(self.norm(self.start(codes).unflatten(1, (-1, SMALLEST, SMALLEST))))
        return to_image(self.to_rgb(self.blocks(x)))


def to_image(rgb: Tensor) -> Tensor:
    """What the last convolution gives, in [0, 1]."""
    return rgb.sigmoid()


class VAE(nn.Module):
    """Encoder and decoder; called with images in [0, 1], it gives them back by way of the mean of their codes."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = VAEEncoder(config), VAEDecoder(config)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        reconstruction: Tensor = self.decoder(self.encoder(images)[0])
        return reconstruction


def draw(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A code from its distribution, through which the gradient flows (Kingma and Welling 2014, section 2.4)."""
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)


def convolutions(decoder: VAEDecoder) -> tuple[str, ...]:
    """Names of all convolutions of a decoder in forward order: two or three a block, at last the one to RGB."""
    return tuple(name for name, layer in decoder.named_modules() if isinstance(layer, nn.Conv2d))


def _initialise(layer: nn.Module) -> None:
    """Convolutions as in He et al. (2015), for ReLU."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
