"""Perceptual distance for projection, from VGG16 where its weights are, else from the discriminator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..weights.vgg import normalise, vgg_layers
from .checkpointing import checkpointed
from .networks import StyleGAN2Discriminator

PIXEL_SIDES = (1, 2, 4)
"""The pixel distance is taken at the full size, half and a quarter of it."""
VGG_TAPS = (3, 8, 15, 22, 29)
"""ReLUs that end the five blocks of VGG16, as in LPIPS."""


def pixel_distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference over three scales, (N,)."""
    difference = a - b
    scales = [F.avg_pool2d(difference, s) if s > 1 else difference for s in PIXEL_SIDES]
    return _mean([d.square().mean((1, 2, 3)) for d in scales])


def directions(features: Sequence[Tensor]) -> list[Tensor]:
    """Features at unit length in every place, as LPIPS compares them."""
    return [F.normalize(layer) for layer in features]


def feature_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Squared difference of directions, averaged over places and layers (LPIPS without its weights), (N,)."""
    return _mean([checkpointed(_apart, x, y) for x, y in zip(a, b, strict=True)])


def _mean(parts: Sequence[Tensor]) -> Tensor:
    """One after the other, since the order in which torch adds up a stack depends on how many images there are."""
    return reduce(torch.add, parts) / len(parts)


def _apart(features: Tensor, unit: Tensor) -> Tensor:
    return (F.normalize(features) - unit).square().sum(1).mean((1, 2))


Look = Callable[[Tensor], list[Tensor]]
"""What a network sees in images (N, 3, S, S) in [-1, 1]: maps, each (N, C, h, w)."""


@dataclass(frozen=True)
class Target:
    """Images (N, 3, S, S) in [-1, 1], and what a network saw in them; others are held against them, one against one."""

    images: Tensor
    features: Look | None
    directions: list[Tensor]

    def __call__(self, images: Tensor) -> Tensor:
        """Distances (N,)."""
        if self.features is None:
            return pixel_distance(images, self.images)
        return pixel_distance(images, self.images) + feature_distance(self.features(images), self.directions)

    def rows(self, kept: Tensor) -> Target:
        """Some of them, by number, int64 (n,)."""
        return Target(self.images[kept], self.features, [seen[kept] for seen in self.directions])


@dataclass(frozen=True)
class Distance:
    """How far images (N, 3, S, S) in [-1, 1] look from others: their pixels, and what a network sees in them."""

    features: Look | None
    """None: their pixels alone."""

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Distances (N,)."""
        return self.to(b)(a)

    @torch.no_grad()
    def to(self, target: Tensor) -> Target:
        """The distances (N,) of images from `target`, at which the network looks once."""
        return Target(target, self.features, directions(self.features(target)) if self.features else [])


def discriminator_distance(discriminator: StyleGAN2Discriminator) -> Distance:
    """Pixels and the discriminator's own features: needs nothing that was not trained with the generator."""
    return Distance(discriminator.requires_grad_(False).features)


def vgg_distance(weights: Path) -> Distance:
    """Pixels and the features of VGG16 at up to 256 pixels, from a state dict of torchvision's (its `features` do)."""
    return Distance(partial(vgg_features, vgg_layers("vgg16", weights)))


def vgg_features(layers: nn.Module, images: Tensor) -> list[Tensor]:
    """Activations of VGG16 at the ends of its blocks, for images (N, 3, S, S) in [-1, 1]."""
    x = normalise(images / 2 + 0.5)
    factor = x.shape[-1] // 256
    x = F.avg_pool2d(x, factor) if factor > 1 else x
    features = []
    for i, layer in enumerate(layers.to(x.device).children()):
        x = layer(x)
        if i in VGG_TAPS:
            features.append(x)
    return features
