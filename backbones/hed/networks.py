"""Holistically-nested edge detection (Xie and Tu 2015): the trunk of VGG16, and an edge map at each block's end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ... import one_line
from .. import weights
from ..backbone import BackboneError
from .checkpoints import is_ours, read_checkpoint
from .config import DEPTHS, NAMES, HEDConfig

FAMILY = "hed"


class HED(nn.Module):
    """Images (N, 3, H, W) in [0, 1] to the probability (N, 1, H, W) that a pixel lies on a contour."""

    scale: Tensor
    shift: Tensor

    def __init__(self, config: HEDConfig) -> None:
        super().__init__()
        self.config = config
        pairs = zip((3, *config.channels), config.channels, strict=False)
        convolutions = [nn.Conv2d(before, after, 3, padding=1) for before, after in pairs]
        self.convs = nn.ModuleDict(dict(zip(NAMES, convolutions, strict=True)))
        self.sides = nn.ModuleList(nn.Conv2d(width, 1, 1) for width in config.widths)
        self.fuse = nn.Conv2d(len(DEPTHS), 1, 1)
        # The network sees images * scale - shift; a published checkpoint brings its own.
        self.register_buffer("scale", torch.tensor(4.0))
        self.register_buffer("shift", torch.full((3, 1, 1), 2.0))
        self._start()

    def _start(self) -> None:
        for name, parameter in self.named_parameters():
            if name.startswith("sides") or name.endswith("bias"):
                nn.init.zeros_(parameter)  # side outputs too, as in the published training
            elif name.startswith("convs"):
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")  # no ImageNet weights to start from
        nn.init.constant_(self.fuse.weight, 1 / len(DEPTHS))  # as published

    def trunk(self, images: Tensor) -> list[Tensor]:
        """What each block ends with, (N, width, h, w) at 1, 1/2, 1/4, 1/8 and 1/16 of the images' side."""
        x, ends = images * self.scale - self.shift, []
        for block, depth in enumerate(DEPTHS, 1):
            if block > 1:
                x = F.max_pool2d(x, 2, ceil_mode=True)  # rounds up as Caffe does, where HED was published
            for i in range(1, depth + 1):
                x = F.relu(self.convs[f"{block}_{i}"](x))
            ends.append(x)
        return ends

    def logits(self, images: Tensor) -> Tensor:
        """The five side outputs and, last, their fusion, (N, 6, H, W) before the sigmoid."""
        small = [side(end) for side, end in zip(self.sides, self.trunk(images), strict=True)]
        sides = torch.cat([_resize(side, images) for side in small], 1)
        return torch.cat([sides, self.fuse(sides)], 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(images)[:, -1:].sigmoid()


def run_trunk(network: nn.Module, images: Tensor) -> list[Tensor]:
    """The trunk of a HED alone; its edges are not asked for."""
    assert isinstance(network, HED)
    return network.trunk(images)


def _resize(side: Tensor, images: Tensor) -> Tensor:
    return F.interpolate(side, images.shape[-2:], mode="bilinear", align_corners=False)


def untrained(config: HEDConfig, seed: int) -> HED:
    """The same network before any training: the control `random:hed`."""
    return weights.from_seed(lambda: HED(config), seed)


def open_hed(path: Path) -> HED:
    """The frozen network of a weights file, ours or a published checkpoint, in float32."""
    if is_ours(path):
        network = HED(weights.read_config(path, FAMILY, HEDConfig))
        weights.load(path, {"network": network})
        return network
    network = fill(path, *read_checkpoint(path))
    weights.freeze({"network": network})
    return network


def fill(path: Path, config: HEDConfig, state: Mapping[str, Tensor]) -> HED:
    """A network with the numbers of a published checkpoint."""
    network = HED(config)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        what = one_line(error)
        raise BackboneError(f"{path} is no VGG16 of one width ({what}); take another checkpoint") from None
    return network
