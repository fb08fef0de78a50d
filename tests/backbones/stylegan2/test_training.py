"""The training of StyleGAN2: lazy regularisers, corrected Adam, the averaged generator."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.training import StyleGAN2Recipe, StyleGAN2Trainer, optimizer

TINY = StyleGAN2Config(size=8, latent=8, depth=2, width=64, cap=8)


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
