"""The training of an oracle: its weights, its loss, its softening."""

from __future__ import annotations

import pytest
import torch

from partbench.benchmark.segment.oracle_training import part_losses, random_blur
from partbench.datasets.dataset import IGNORE


def test_small_parts_weigh_more_than_their_area() -> None:
    """A pixel of a class with a hundredth of the area counts ten times; what is not to be scored counts nothing."""
    masks = torch.zeros(1, 20, 20, dtype=torch.int64)
    masks[0, 0, :4] = 1
    masks[0, 1] = IGNORE
    logits = torch.zeros(1, 2, 20, 20, requires_grad=True)
    part_losses(logits, masks)["entropy"].backward()
    gradient = logits.grad.abs()[0, 0]  # type: ignore[union-attr]
    assert gradient[1].max() == 0
    assert gradient[0, 0] / gradient[5, 5] == pytest.approx(((376 + 1) / (4 + 1)) ** 0.5, rel=1e-4)


def test_a_perfect_answer_leaves_nothing_to_learn() -> None:
    """Both terms go to zero with it, and rise with every wrong pixel."""
    masks = torch.arange(3).repeat(12, 4)[None]
    right = 30.0 * torch.nn.functional.one_hot(masks, 3).movedim(-1, 1)
    assert all(term < 1e-6 for term in part_losses(right, masks).values())
    assert all(term > 0.1 for term in part_losses(right.roll(1, 3), masks).values())


def test_softening_keeps_flat_places() -> None:
    """A blur moves neither the mean of a flat picture nor its range."""
    torch.manual_seed(0)
    images = torch.full((3, 3, 8, 8), 0.25)
    assert torch.allclose(random_blur(images), images)
    noise = torch.rand(3, 3, 8, 8)
    assert random_blur(noise).std() < noise.std() and ((random_blur(noise) >= 0) & (random_blur(noise) <= 1)).all()
