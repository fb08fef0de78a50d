"""A learner trains the network of a lesson, keeps its average and resumes without a loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from partbench.backbones.training.learner import AdamRecipe, Learner, blend


class Line:
    """The lesson of a line: y = 2x, from the first channel to the second."""

    def __init__(self) -> None:
        self.network: nn.Module = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Conv2d(1, 1, 1))
        self.recipe = AdamRecipe(batch=4, rate=0.05, warmup=5, average=0.9)

    def losses(self, network: nn.Module, images: Tensor) -> dict[str, Tensor]:
        noise = 0.01 * torch.randn(len(images), 1, 1, 1)
        return {"square": (network(images[:, :1] + noise) - 2 * images[:, :1]).square().mean()}

    def picture(self, network: nn.Module, images: Tensor) -> Tensor:
        return images

    def measure(self, network: nn.Module, images: Tensor) -> dict[str, float]:
        error = (network(images[:, :1]) - 2 * images[:, :1]).square().mean()
        return {"error": error.item(), "error of zero": (2 * images[:, :1]).square().mean().item()}

    def save(self, network: nn.Module, path: Path, card: dict[str, str]) -> None:
        save_file(dict(network.state_dict()), path, metadata=card)


def batches(count: int) -> list[Tensor]:
    """Seeded batches."""
    random = torch.Generator().manual_seed(1)
    return list(torch.rand(count, 4, 3, 8, 8, generator=random))


def test_a_lesson_is_learnt_by_the_averaged_network() -> None:
    """After some steps the average does what was asked, in evaluation, far better than the trivial answer."""
    trainer = Learner(Line, "cpu", 0)
    for images in batches(150):
        trainer.step(images)
    found = trainer.measure(batches(1)[0])
    assert found["error"] < 0.1 * found["error of zero"]
    assert not trainer.result.training
    assert len(trainer.picture()) == 4


def test_a_learner_resumes_bit_for_bit() -> None:
    """Weights, averages, moments and random numbers: three steps, a reload and three steps are six."""
    through, first = Learner(Line, "cpu", 0), Learner(Line, "cpu", 0)
    for images in batches(6):
        through.step(images)
    torch.manual_seed(0)
    first = Learner(Line, "cpu", 0)
    for images in batches(6)[:3]:
        first.step(images)
    state = first.state_dict()
    second = Learner(Line, "cpu", 5)
    second.load_state_dict(state)
    for images in batches(6)[3:]:
        second.step(images)
    for key, value in through.averaged.state_dict().items():
        assert torch.equal(second.averaged.state_dict()[key], value), key


def test_the_rate_rises_at_the_start() -> None:
    """Linearly over the warm-up, then it stays."""
    trainer = Learner(Line, "cpu", 0)
    rates = []
    for images in batches(7):
        trainer.step(images)
        rates.append(trainer.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05, 0.05, 0.05])


def test_a_young_average_forgets_its_start() -> None:
    """Of weights that jump from 0 to 1 and stay, the average after ten steps is nearer 1 than the plain one's 0.05."""
    average, now = [torch.zeros(3), torch.tensor(0)], [torch.ones(3), torch.tensor(7)]
    for count in range(1, 11):
        blend(0.995, average, now, count)
    assert (average[0] > 0.99).all()
    assert average[1] == 7, "a count is copied"
    old = [torch.zeros(1)]
    blend(0.995, old, [torch.ones(1)], 10_000)
    torch.testing.assert_close(old[0], torch.tensor([0.005]))
