"""Stages that are computed again for the gradient instead of being held."""

from __future__ import annotations

import torch
from torch import Tensor

from partbench.backbones.stylegan2.checkpointing import checkpointed, checkpointing


def test_a_stage_is_computed_again_only_where_thrift_is_wanted() -> None:
    """Once more for its gradient; without a gradient, or outside, it runs once."""
    calls: list[int] = []
    x = torch.ones(2, requires_grad=True)

    def work(x: Tensor) -> Tensor:
        calls.append(1)
        return x.exp().square()

    for wanted, runs in ((False, 1), (True, 2)):
        calls.clear()
        with checkpointing(wanted):
            checkpointed(work, x).sum().backward()
        assert len(calls) == runs
    with checkpointing(True), torch.no_grad():
        checkpointed(work, x)
    assert len(calls) == 3
