"""The training of StyleGAN2: lazy regularisers, corrected Adam, the averaged generator."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from partbench.backbones.stylegan2 import training
from partbench.backbones.stylegan2.config import StyleGAN2Config
from partbench.backbones.stylegan2.recipe import StyleGAN2Recipe, recipe_for
from partbench.backbones.stylegan2.training import StyleGAN2Trainer, optimizer

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


def test_recorded_steps_are_the_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """On tensors that stay where they are, with mixing as a choice by style: the same weights after six steps."""
    monkeypatch.setattr(training, "can_record", lambda device: True)
    monkeypatch.setattr(training, "make_capturable", lambda optimizer: None)  # which no CPU is
    images = torch.rand(6, 4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    plain, recorded = (StyleGAN2Trainer(TINY, recipe=StyleGAN2Recipe(batch=4, r1_every=3, path_every=2)) for _ in "12")
    recorded.record()
    assert recorded.recorded and not plain.recorded
    for trainer in (plain, recorded):
        torch.manual_seed(1)
        losses = [{name: float(loss) for name, loss in trainer.step(batch).items()} for batch in images]
        assert [set(loss) for loss in losses[:2]] == [{"d", "g", "r1", "path"}, {"d", "g"}]
    for name, value in plain.averaged.state_dict().items():
        torch.testing.assert_close(recorded.averaged.state_dict()[name], value)


def test_a_training_that_cannot_be_recorded_goes_on_plainly() -> None:
    """On a CPU nothing changes."""
    trainer = StyleGAN2Trainer(TINY, recipe=StyleGAN2Recipe(batch=4))
    trainer.record()
    assert trainer.recorded is None and not trainer.machine.recorded


def test_latents_cross_over_at_a_tensor_as_at_a_number() -> None:
    """From no style on to behind the last."""
    generator = StyleGAN2Trainer(TINY).generator
    z, mix = torch.randn(2, 3, TINY.latent)
    for crossover in (1, 2, generator.styles):
        found = [generator(z, mix, each) for each in (crossover, torch.tensor(crossover))]
        torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[1], generator(z))


def test_a_gpu_has_a_batch_and_a_rate_of_its_own() -> None:
    """128 images at 0.0025 up to 128 pixels, the paper's 32 at 0.002 above; 16 on a CPU."""
    for device, size, batch, rate in (("cpu", 64, 16, 0.002), ("cuda", 64, 128, 0.0025), ("cuda", 256, 32, 0.002)):
        recipe = recipe_for(torch.device(device), size)
        assert (recipe.batch, recipe.rate) == (batch, rate)
