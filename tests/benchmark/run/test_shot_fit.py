"""What a head makes of its own shots is measured once, at the end of its training."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import pytest
import torch
from torch import Tensor, nn

from partbench.benchmark.run.head_training import Trained, entropy
from partbench.benchmark.run.shot_fit import measure_fit
from partbench.datasets.dataset import IGNORE

SIDE = 4


class Constant(nn.Module):
    """A head with the same logits everywhere."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, maps: Sequence[Tensor], size: int) -> Tensor:
        return self.logits[None, :, None, None].expand(len(maps[0]), -1, size, size)


@pytest.fixture
def masks() -> Tensor:
    """Two images: twelve pixels of class 0 and four of class 1; eight of class 0, the others not labelled."""
    masks = torch.zeros(2, SIDE, SIDE, dtype=torch.int64)
    masks[0, 3], masks[1, 2:] = 1, IGNORE
    return masks


@pytest.mark.parametrize("together", [False, True])
def test_it_is_over_labelled_pixels_and_classes_that_are_there(masks: Tensor, together: bool) -> None:
    """20 of 24 pixels are of class 0; a third class is nowhere and counts for nothing. One by one, or all at once."""
    maps = [torch.zeros(2, 1, 1, 1)]
    parts = [(maps, masks)] if together else [([maps[0][i : i + 1]], masks[i : i + 1]) for i in range(2)]
    fit = measure_fit(Trained(Constant(log(5.0), 0.0, -99.0), 7, None), parts, 3)
    assert (fit.steps, fit.settled) == (7, None)
    assert fit.accuracy == pytest.approx(20 / 24)
    assert fit.iou == fit.constant == pytest.approx((20 / 24 + 0) / 2)
    assert (
        fit.loss
        == pytest.approx(-(20 * log(5 / 6) + 4 * log(1 / 6)) / 24)
        == pytest.approx(entropy(torch.tensor([20, 0, 4])))
    )
    assert not fit.converged
