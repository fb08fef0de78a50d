"""The encoder: trained on generated pairs, it proposes the code from which an image's projection starts."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor

from .networks import StyleGAN2Discriminator, StyleGAN2Encoder, StyleGAN2Generator
from .perceptual import Distance, discriminator_distance

BATCH = 32
RATE = 1e-3
MIXED = 0.5
"""Share of batches whose styles cross over between two latents, so that w+ is covered and not only w."""


def training_styles(generator: StyleGAN2Generator, count: int) -> Tensor:
    """w+ (count, L, latent) of random latents: one per image, or two that cross over at a style of the batch."""
    device = generator.constant.device
    w = generator.mapping(torch.randn(2 * count, generator.config.latent, device=device))
    styles, other = generator.broadcast(w[:count]).clone(), generator.broadcast(w[count:])
    if torch.rand(()).item() < MIXED:
        crossover = int(torch.randint(1, generator.styles, ()).item())
        styles[:, crossover:] = other[:, crossover:]
    return styles


def encoder_loss(encoder: StyleGAN2Encoder, generator: StyleGAN2Generator, distance: Distance, count: int) -> Tensor:
    """How far the proposed codes and their images lie from those of generated pairs."""
    with torch.no_grad():
        styles = training_styles(generator, count)
        images, _ = generator.synthesis(styles, generator.noise(count))
    offsets: Tensor = encoder(images)
    quiet = [torch.zeros(1, 1, r, r, device=images.device) for r, _ in generator.config.layers]
    rebuilt, _ = generator.synthesis(generator.average + offsets, quiet)
    spread = (styles - generator.average).square().mean()
    missed = (generator.average + offsets - styles).square().mean()
    return distance(rebuilt, images).mean() + missed / spread


def train_encoder(
    encoder: StyleGAN2Encoder,
    generator: StyleGAN2Generator,
    discriminator: StyleGAN2Discriminator,
    budget: float,
    report: Callable[[str], None],
) -> None:
    """Train the encoder for `budget` seconds, its rate falling to zero over them."""
    generator.requires_grad_(False)
    distance = discriminator_distance(discriminator)
    optimizer = torch.optim.Adam(encoder.parameters(), RATE, betas=(0.9, 0.99))
    start, steps = time.monotonic(), 0
    while (spent := time.monotonic() - start) < budget:
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, 2 * (1 - spent / budget))
        loss = encoder_loss(encoder, generator, distance, BATCH)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        steps += 1
        if steps % 50 == 0:
            report(f"encoder: {steps * BATCH} generated pairs, loss {loss.item():.3f}")
