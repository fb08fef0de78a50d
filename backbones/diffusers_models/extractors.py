"""Frozen diffusion networks that read images: noise goes in, what their decoder computes comes out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..hooks import Activations
from .networks import by_latents, latents, trim
from .reading import Layer, Reading

SEED = 0
"""Of the noises, the same for every image and step."""


class Decoder(Activations):
    """The decoder's blocks of an autoencoder, for images that entered as the mean of their latents."""

    def __init__(self, vae: nn.Module, layers: Sequence[Layer], reading: Reading) -> None:
        super().__init__(vae, [layer.name for layer in layers], by_latents)
        self.settings = reading.settings


class Denoiser(nn.Module):
    """The chosen layers of a U-Net at each time step, one after the other; of several noises the mean.

    A noise has a seed and no image: an image's maps depend neither on its neighbours in a batch nor on its place.
    Noises are taken one at a time, so that memory does not grow with their number.
    """

    noises: Tensor
    kept: Tensor

    def __init__(
        self, network: nn.Module, layers: Sequence[Layer], reading: Reading, shares: Tensor, shape: tuple[int, ...]
    ) -> None:
        """`shares` are those of the signal at every step, `shape` (C, h, w) is that of what the network denoises."""
        super().__init__()
        names, self.settings = [layer.name for layer in layers], reading.settings
        trimmed = trim(network, names)
        self.readers = nn.ModuleList(Activations(trimmed, names, partial(self.call, step)) for step in reading.steps)
        drawn = torch.randn(max(1, reading.noises), *shape, generator=torch.Generator().manual_seed(SEED))
        self.register_buffer("noises", drawn if reading.noises else 0 * drawn, persistent=False)
        kept = shares[list(reading.steps)] if reading.noises else torch.ones(len(reading.steps))
        self.register_buffer("kept", kept, persistent=False)

    def call(self, step: int, network: Any, noisy: Tensor) -> object:
        """One call of the network; what it answers is of no interest here."""
        return network(noisy, step)

    def signal(self, images: Tensor) -> Tensor:
        """What noise is added to, of images (N, 3, S, S) in [0, 1]: the images themselves, in [-1, 1]."""
        return 2 * images - 1

    @torch.no_grad()
    def forward(self, images: Tensor) -> list[Tensor]:
        """Images (N, 3, S, S) in [0, 1] to maps, those of the first time step before those of the second."""
        signal, maps = self.signal(images), list[Tensor]()
        for reader, kept in zip(self.readers, self.kept, strict=True):
            of_noises = (reader(kept.sqrt() * signal + (1 - kept).sqrt() * noise) for noise in self.noises)
            total = next(of_noises)
            for layers in of_noises:
                for one, other in zip(total, layers, strict=True):
                    one += other
            maps += [layer / len(self.noises) for layer in total]
        return maps


class LatentDenoiser(Denoiser):
    """A U-Net that denoises the latents of an autoencoder, told what it sees by an empty prompt."""

    prompt: Tensor

    def __init__(self, vae: nn.Module, prompt: Tensor, scale: float, shift: float, *rest: Any) -> None:
        super().__init__(*rest)
        self.vae, self.scale, self.shift = vae, scale, shift
        self.register_buffer("prompt", prompt, persistent=False)

    def signal(self, images: Tensor) -> Tensor:
        """The mean of the latents, at the scale at which the network learnt."""
        return (latents(self.vae, images) - self.shift) * self.scale

    def call(self, step: int, network: Any, noisy: Tensor) -> object:
        return network(noisy, step, encoder_hidden_states=self.prompt.expand(len(noisy), -1, -1))
