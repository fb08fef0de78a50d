"""The losses of StyleGAN2 are the published ones, held against closed forms and Jacobians."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor, nn

from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.losses import discriminator_loss, generator_loss, path_lengths, r1_penalty
from partbench.backbones.stylegan2.networks import StyleGAN2Discriminator, StyleGAN2Generator

TINY = StyleGAN2Config(size=8, latent=8, depth=2, width=64, cap=8)


def test_the_adversarial_losses_are_logistic() -> None:
    """-log D(real) - log(1 - D(fake)) for the discriminator, -log D(fake) for the generator."""
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 3.0])
    expected = -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
    torch.testing.assert_close(discriminator_loss(real, fake), expected)
    torch.testing.assert_close(generator_loss(fake), -fake.sigmoid().log().mean())


class Paraboloid(nn.Module):
    """Logit = sum of a x^2: its gradient is 2 a x."""

    def __init__(self, a: Tensor) -> None:
        super().__init__()
        self.a = nn.Parameter(a)

    def forward(self, images: Tensor) -> Tensor:
        return (self.a * images.square()).sum((1, 2, 3))


def test_r1_is_the_squared_gradient_norm() -> None:
    """Of a discriminator whose gradient is known, and with a gradient to its weights."""
    torch.manual_seed(0)
    a, images = torch.randn(3, 4, 4), torch.randn(5, 3, 4, 4)
    judge = Paraboloid(a)
    penalty = r1_penalty(cast(StyleGAN2Discriminator, judge), images)
    torch.testing.assert_close(penalty, (2 * a * images).square().sum((1, 2, 3)).mean())
    penalty.backward()
    torch.testing.assert_close(judge.a.grad, 8 * a * images.square().mean(0))
    assert not images.requires_grad


def test_r1_of_the_discriminator_agrees_with_finite_differences() -> None:
    """The gradient norm of one image is what moving along the gradient shows."""
    torch.manual_seed(0)
    judge, image = StyleGAN2Discriminator(TINY).double(), torch.randn(1, 3, 8, 8, dtype=torch.double)
    norm = r1_penalty(judge, image).sqrt().item()
    shifted = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(judge(shifted).sum(), shifted)
    step = 1e-5 * gradient / gradient.norm()
    with torch.no_grad():
        rise = (judge(image + step) - judge(image - step)).item() / 2e-5
    assert rise == pytest.approx(norm, rel=1e-4)


def test_path_lengths_are_jacobian_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """|J^T y| with y ~ N(0, 1) / sqrt(pixels), in the root mean square over styles."""
    torch.manual_seed(0)
    generator, z = StyleGAN2Generator(TINY), torch.randn(2, TINY.latent)
    y = torch.randn(2, 3, 8, 8)
    monkeypatch.setattr(torch, "randn_like", lambda _: y)
    lengths = path_lengths(generator, z)
    styles = generator.broadcast(generator.mapping(z)).detach()
    for i in range(2):
        quiet = [torch.zeros(1, 1, r, r) for r, _ in TINY.layers]  # noise has strength 0 before training
        jacobian = torch.autograd.functional.jacobian(
            lambda s, quiet=quiet: generator.synthesis(s, quiet)[0], styles[i : i + 1]
        )
        product = torch.einsum("chw,chwld->ld", y[i] / 8, jacobian[0, :, :, :, 0])
        torch.testing.assert_close(lengths[i], product.square().sum(1).mean().sqrt())


def test_path_lengths_can_be_learnt_from() -> None:
    """Their gradient reaches synthesis and mapping."""
    generator = StyleGAN2Generator(TINY)
    path_lengths(generator, torch.randn(2, TINY.latent)).sum().backward()
    assert all(
        p.grad is not None for name, p in generator.named_parameters() if "weight" in name and "rgbs" not in name
    )
