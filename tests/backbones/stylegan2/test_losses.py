"""The losses of StyleGAN2 are the published ones, held against closed forms and Jacobians."""

from __future__ import annotations

import math
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.losses import discriminator_loss, generator_loss, path_lengths, r1_penalty
from partbench.backbones.stylegan2.networks import StyleGAN2Discriminator, StyleGAN2Generator
from partbench.backbones.stylegan2.training import StyleGAN2Recipe, StyleGAN2Trainer, optimizer

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


@pytest.mark.parametrize("lazy", [1, 8, 16])
def test_adam_is_corrected_for_lazy_regularisation(lazy: int) -> None:
    """Rate and betas are those that make `lazy` + 1 updates move as `lazy` would (appendix B)."""
    (group,) = optimizer(nn.Linear(2, 2), 0.002, lazy).param_groups
    assert group["lr"] == pytest.approx(0.002 * lazy / (lazy + 1))
    assert group["betas"][0] == 0
    assert group["betas"][1] ** (lazy + 1) == pytest.approx(0.99**lazy)


def test_regularisers_run_lazily() -> None:
    """R1 and path length run at the steps that the recipe says, weighted by how rarely they do."""
    trainer = StyleGAN2Trainer(TINY, recipe=StyleGAN2Recipe(batch=4, r1_every=3, path_every=2))
    steps = [set(trainer.step(torch.rand(4, 3, 8, 8))) for _ in range(4)]
    assert steps == [{"d", "g", "r1", "path"}, {"d", "g"}, {"d", "g", "path"}, {"d", "g", "r1"}]


def test_the_averaged_generator_follows_with_a_half_life() -> None:
    """After a step of `batch` images the average has come 1 - 2^(-batch / half-life) of the way."""
    recipe = StyleGAN2Recipe(batch=4, ema_kimg=0.008, ema_rampup=math.inf)
    trainer = StyleGAN2Trainer(TINY, recipe=recipe)
    before = trainer.averaged.constant.clone()
    trainer.step(torch.rand(4, 3, 8, 8))
    torch.testing.assert_close(
        trainer.averaged.constant, before.lerp(trainer.generator.constant.detach(), 1 - 0.5**0.5)
    )
