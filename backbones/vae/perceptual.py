"""Perceptual distance by all sixteen layers of VGG19, pretrained or random."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..weights.vgg import normalise, vgg_layers
from .config import RGB

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and convolutions of VGG19's five blocks (Simonyan and Zisserman 2015, table 1, column E)."""
THINNER = 4
"""The random VGG19 has a quarter of the channels."""
SEED = 19
"""Of the random VGG19 and of the pictures that a distance is measured in."""
RULERS, RULER_SIZE = 8, 64
"""How many such pictures, and their side."""
PIXEL_SIDES = (1, 2, 4)
"""The pixel distance is taken at the full size, half and a quarter of it."""


def pixel_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of images (N, 3, S, S) over three scales, (N,)."""
    difference = a - b
    scales = [F.avg_pool2d(difference, side) if side > 1 else difference for side in PIXEL_SIDES]
    return torch.stack([scale.abs().mean((1, 2, 3)) for scale in scales]).mean(0)


class Perceptual(nn.Module):
    """The distance between the ReLUs behind every convolution of a network, for images (N, 3, S, S) in [0, 1].

    It is the mean over layers of the mean absolute difference. Each layer's is divided by what it is between random
    pictures, so that all layers count alike whatever their scale, and 1 means as far apart as two of those.
    """

    units: Tensor

    def __init__(self, layers: nn.Module, name: str) -> None:
        super().__init__()
        self.layers, self._name = layers.requires_grad_(False).eval(), name
        self.register_buffer("units", torch.ones(()))
        pictures = pink(RULERS, RULER_SIZE)
        self.units = self._differences(pictures, pictures.roll(1, 0)).mean(1)[:, None]

    @property
    def name(self) -> str:
        """`vgg19` or `random-vgg19`; stands in the model card."""
        return self._name

    def features(self, images: Tensor) -> list[Tensor]:
        """The sixteen ReLUs' outputs, (N, C, h, w) each."""
        x, found = normalise(images), []
        for layer in self.layers.children():
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                found.append(x)
        return found

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distances (N,)."""
        return self._differences(a, b).mean(0)

    def _differences(self, a: Tensor, b: Tensor) -> Tensor:
        """(layers, N), in units of `units`."""
        pairs = zip(self.features(a), self.features(b), strict=True)
        return torch.stack([(x.float() - y.float()).abs().mean((1, 2, 3)) for x, y in pairs]) / self.units


def perceptual_distance(weights: Path | None) -> Perceptual:
    """VGG19 from a state dict of torchvision's, or else its substitute."""
    return Perceptual(vgg_layers("vgg19", weights), "vgg19") if weights else Perceptual(random_layers(), "random-vgg19")


def random_layers() -> nn.Module:
    """The substitute: a thin VGG19 of random weights that are always the same, with average pooling.

    Random features know no object, but edges and textures at several scales, and descending their distance does give
    the picture back (He, Wang and Hopcroft 2016, "A powerful generative model using random weights for the deep
    image representation"; average pooling as in Gatys et al. 2015). The weights are drawn as in He et al. (2015).
    """
    random = torch.Generator().manual_seed(SEED)
    widths = [channels // THINNER for channels, count in BLOCKS for _ in range(count)]
    ends = {sum(count for _, count in BLOCKS[: i + 1]) for i in range(len(BLOCKS) - 1)}
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise([RGB, *widths])):
        conv = nn.utils.skip_init(nn.Conv2d, inputs, outputs, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=random)
        nn.init.zeros_(conv.bias)
        layers += [nn.AvgPool2d(2)] * (i in ends) + [conv, nn.ReLU()]
    return nn.Sequential(*layers)


def pink(count: int, size: int) -> Tensor:
    """Clouds (count, 3, size, size) in [0, 1], always the same, with the 1/f spectrum of photographs (Field 1987)."""
    random = torch.Generator().manual_seed(SEED)
    spectrum = torch.fft.rfft2(torch.randn(count, 3, size, size, generator=random))
    down, across = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None]
    clouds: Tensor = torch.fft.irfft2(spectrum / torch.hypot(down, across).clamp(min=1 / size), s=(size, size))
    return (clouds / clouds.std() / 4 + 0.5).clamp(0, 1)
