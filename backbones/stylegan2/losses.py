"""The losses of StyleGAN2: non-saturating, R1 (on reals) and path length (on the generator), both lazy."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .convolution import differentiable_twice
from .networks import StyleGAN2Discriminator, StyleGAN2Generator


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Logistic loss of logits (N,) on real and on generated images."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Non-saturating loss of logits (N,) on generated images."""
    return F.softplus(-fake).mean()


def r1_penalty(discriminator: StyleGAN2Discriminator, images: Tensor) -> Tensor:
    """Mean squared gradient norm of the logits at real images (Mescheder et al. 2018)."""
    images = images.detach().requires_grad_()
    with differentiable_twice():
        logits = discriminator(images)
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def path_lengths(generator: StyleGAN2Generator, z: Tensor) -> Tensor:
    """|J_w^T y| (N,) for a random image y: how far an image moves when w does (StyleGAN2, section 3.2)."""
    styles = generator.broadcast(generator.mapping(z))
    with differentiable_twice():
        images, _ = generator.synthesis(styles, generator.noise(len(z)))
    y = torch.randn_like(images) / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad((images * y).sum(), styles, create_graph=True)
    return gradient.square().sum(2).mean(1).sqrt()
