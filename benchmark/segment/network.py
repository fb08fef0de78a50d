"""The U-Net of the paper's Table A (supplement B), fully convolutional: it takes images of any side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .recipe import WIDTH

ENCODER = (1, 2, 4, 8, 8)
"""Channels of the encoder's five levels, in widths."""
DECODER = ((8, 4), (4, 2), (2, 1), (1, 1))
"""Channels of the two convolutions of each level of the decoder, in widths.

Table A contradicts itself here: it gives both convolutions of a level the same channels, but its concatenations
(1024, 512, 256, 128) are those of a second one with half of them, as here. Its last level has 64 either way.
"""
MULTIPLE = 2 ** (len(ENCODER) - 1)
"""The sides of what goes through the network are a multiple of this; `forward` sees to it."""


def convolutions(inputs: int, channels: Sequence[int]) -> nn.Sequential:
    """3x3 convolutions, each with batch normalisation and a ReLU."""
    layers: list[nn.Module] = []
    for out in channels:
        # The norm subtracts whatever a bias would add.
        layers += [nn.Conv2d(inputs, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
        inputs = out
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Images (N, 3, H, W) in [0, 1] to logits (N, K, H, W)."""

    def __init__(self, classes: int, width: int = WIDTH) -> None:
        super().__init__()
        self.classes, self.width = classes, width
        down = [width * times for times in ENCODER]
        self.encoder = nn.ModuleList(
            convolutions(before, (channels, channels)) for before, channels in zip([3, *down], down, strict=False)
        )
        self.decoder = nn.ModuleList()
        below = down[-1]
        for beside, (first, second) in zip(down[-2::-1], DECODER, strict=True):
            self.decoder.append(convolutions(below + beside, (width * first, width * second)))
            below = width * second
        self.output = nn.Conv2d(below, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        right, bottom = -width % MULTIPLE, -height % MULTIPLE
        padded = F.pad(images, (0, right, 0, bottom), mode="replicate") if right or bottom else images
        return self._logits(padded * 2 - 1)[..., :height, :width]

    def _logits(self, x: Tensor) -> Tensor:
        """Logits of images in [-1, 1] whose sides are multiples of `MULTIPLE`."""
        beside: list[Tensor] = []
        for level, convolve in enumerate(self.encoder):
            x = convolve(F.max_pool2d(x, 2) if level else x)
            beside.append(x)
        beside.pop()
        for convolve in self.decoder:
            above = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = convolve(torch.cat([beside.pop(), above], 1))
        logits: Tensor = self.output(x)
        return logits
