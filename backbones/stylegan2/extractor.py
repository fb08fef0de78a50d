"""A StyleGAN2 as an extractor: images enter by projection, the maps are the activations of its convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from .checkpointing import checkpointing
from .perceptual import Distance, discriminator_distance, vgg_distance
from .projection import project
from .schedule import METHODS, ProjectionSettings
from .weights import Networks

HELD, REPEATED = 12, 6
"""Memory of a projection step per image, in its maps: with all activations held, and with stages computed again."""


class StyleGAN2Extractor(nn.Module):
    """Inverts, generates, and gives the activations of the convolutions in `layers` (Figure 2 of the paper)."""

    def __init__(self, networks: Networks, layers: tuple[int, ...], method: str, vgg: Path | None = None) -> None:
        super().__init__()
        self.generator, self.discriminator, self.encoder = (
            networks.generator,
            networks.discriminator,
            networks.encoder,
        )
        self.layers, self.projection = layers, METHODS[method]
        self.vgg = vgg
        self.room: int | None = None

    @cached_property
    def distance(self) -> Distance:
        """From VGG16 where torchvision keeps its weights, else from the discriminator's features, else from pixels."""
        if self.vgg:
            return vgg_distance(self.vgg)
        return discriminator_distance(self.discriminator) if self.discriminator else Distance(None)

    @property
    def settings(self) -> str:
        """What codes depend on besides the weights and the image."""
        return f"{self.projection} {'vgg16' if self.vgg else 'discriminator' if self.discriminator else 'pixels'}"

    def forward(self, images: Tensor) -> list[Tensor]:
        """Project images (N, 3, S, S) in [0, 1] and read their maps."""
        return self.maps(self.invert(images))

    @property
    def steps(self) -> int:
        """Of a projection."""
        return self.projection.steps

    def invert(self, images: Tensor) -> dict[str, Tensor]:
        """w+ (N, L, latent), and the noise of every convolution where it was optimised; as many at once as fit."""
        return self.attempt(images, self.steps)

    def attempt(self, images: Tensor, steps: int) -> dict[str, Tensor]:
        """The same after so many steps."""
        together, thrifty = self.fitting(len(images))
        with checkpointing(thrifty):
            parts = [self._fit(some, replace(self.projection, steps=steps)) for some in images.split(together)]
        return _joined(parts)

    def fitting(self, images: int) -> tuple[int, bool]:
        """How many images are projected together, and whether activations are computed again to save memory."""
        maps = 4 * self.generator.config.activations  # bytes
        if self.room is None or self.room >= HELD * maps:
            return (images if self.room is None else min(images, self.room // (HELD * maps))), False
        return max(1, min(images, self.room // (REPEATED * maps))), True

    def _fit(self, images: Tensor, projection: ProjectionSettings) -> dict[str, Tensor]:
        """Codes of images together, or of half as many at once where the device has less memory than was reckoned."""
        try:
            return self._invert(images, projection)
        except torch.OutOfMemoryError:
            if len(images) == 1:
                raise
        return _joined([self._fit(half, projection) for half in images.tensor_split(2)])

    def _invert(self, images: Tensor, projection: ProjectionSettings) -> dict[str, Tensor]:
        """Codes of images together; of a single one beside itself if memory holds two: a lot has those bits."""
        alone = len(images) == 1 and images.device.type == "cpu" and self.fitting(2)[0] == 2
        targets = (images.repeat(2, 1, 1, 1) if alone else images) * 2 - 1
        styles, noise = project(self.generator, self.distance, targets, self._start(targets), projection)
        codes = {"styles": styles}
        if projection.noise:
            codes |= {f"noise.{i}": level for i, level in enumerate(noise)}
        return {name: code[: len(images)] for name, code in codes.items()}

    @torch.no_grad()
    def _start(self, targets: Tensor) -> Tensor:
        mean = self.generator.average.expand(len(targets), self.generator.styles, -1)
        return mean + self.encoder(targets) if self.projection.encoder and self.encoder else mean.clone()

    def _noise(self, codes: Mapping[str, Tensor]) -> list[Tensor]:
        sides = [r for r, _ in self.generator.config.layers]
        quiet = [torch.zeros(1, 1, r, r, device=codes["styles"].device) for r in sides]
        return [codes.get(f"noise.{i}", level) for i, level in enumerate(quiet)]

    def maps(self, codes: Mapping[str, Tensor]) -> list[Tensor]:
        return self._make(codes)[1]

    def reconstruct(self, codes: Mapping[str, Tensor]) -> Tensor:
        return self._make(codes)[0]

    @torch.no_grad()
    def _make(self, codes: Mapping[str, Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The images of these codes and the maps on the way to them."""
        images, maps = self.generator.synthesis(codes["styles"], self._noise(codes))
        return (images / 2 + 0.5).clamp(0, 1), [maps[i] for i in self.layers]

    @torch.no_grad()
    def draw(self, count: int, seed: int) -> dict[str, Tensor]:
        """w+ (N, L, latent) of random latents, neither truncated nor mixed; the noise stays at zero."""
        random = torch.Generator().manual_seed(seed)
        z = torch.randn(count, self.generator.config.latent, generator=random).to(self.generator.constant)
        return {"styles": self.generator.broadcast(self.generator.mapping(z))}

    def sample(self, count: int, seed: int) -> tuple[Tensor, list[Tensor]]:
        return self._make(self.draw(count, seed))


def _joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Codes of several lots of images as those of one."""
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
