"""Projection of images into the latent space of a StyleGAN2 (its appendix D), batched over images."""

from __future__ import annotations

import torch
from torch import Tensor

from ..training.recorded import RecordedStep, can_record
from .checkpointing import is_checkpointing
from .descent import Descent, Tables
from .networks import StyleGAN2Generator
from .perceptual import Distance
from .schedule import ProjectionSettings


def spread_of_w(generator: StyleGAN2Generator) -> float:
    """Standard deviation of w about its mean, from 10,000 samples."""
    seed = torch.Generator().manual_seed(0)
    with torch.no_grad():
        z = torch.randn(10_000, generator.config.latent, generator=seed).to(generator.constant)
        w: Tensor = generator.mapping(z)
        return (w - generator.average).square().sum(1).mean().sqrt().item()


def start_noise(generator: StyleGAN2Generator, projection: ProjectionSettings, count: int) -> list[Tensor]:
    """The same noise for every image where it is optimised, none elsewhere."""
    like = generator.constant
    if not projection.noise:
        return [like.new_zeros(count, 1, r, r) for r, _ in generator.config.layers]
    seed = torch.Generator().manual_seed(0)
    one = [torch.randn(1, 1, r, r, generator=seed).to(like) for r, _ in generator.config.layers]
    return [level.repeat(count, 1, 1, 1) for level in one]


def project(
    generator: StyleGAN2Generator, distance: Distance, images: Tensor, start: Tensor, projection: ProjectionSettings
) -> tuple[Tensor, list[Tensor]]:
    """w+ (N, L, latent) and noise whose pictures come near `images` (N, 3, S, S) in [-1, 1], from w or w+ `start`.

    Images do not influence each other: the loss is a sum, Adam works on each number alone, and each image ends by its
    own distance. Those that have ended leave the batch. On a CPU the bits of a code do not depend on the others, nor on
    the number of threads, if there is more than one image: torch convolves one alone in another way.
    """
    code = start.clone() if projection.plus else start.mean(1, keepdim=True)
    noise = start_noise(generator, projection, len(images))
    sigma = spread_of_w(generator) if projection.jitter and projection.steps else 0.0
    tables = Tables.of(projection, code, sigma)
    left = Descent.begin(generator, projection, tables, distance.to(images), code, noise)
    where, codes, levels = torch.arange(len(images), device=code.device), code.clone(), [n.clone() for n in noise]
    while len(where):
        going = descend(left)
        for found, now in zip((codes, *levels), (left.code, *left.noise), strict=True):
            found[where] = now
        where, left = where[going], left.rows(going)
    return codes.expand(-1, generator.styles, -1).contiguous(), levels


def descend(left: Descent) -> Tensor:
    """Take steps until it pays to go on with fewer images, int64 (n,), those that have not ended; empty if all have.

    Without a graph, that is as soon as one has ended, but on a CPU the last is not left alone; a graph is recorded anew
    for half as many.
    """
    device = left.code.device
    recorded = can_record(device) and not is_checkpointing()
    step = RecordedStep(left.step, device, left.state) if recorded else left.step
    count, least = len(left.at), 2 if device.type == "cpu" and not recorded else 1
    few = count // 2 if recorded else count - 1 if count > least else 0
    while True:
        going = (left.at < left.projection.steps).nonzero()[:, 0]
        if len(going) <= few or not len(going):
            return torch.cat([going, (going + 1) % count]) if 0 < len(going) < least else going
        for _ in range(left.pause(going)):
            step()
