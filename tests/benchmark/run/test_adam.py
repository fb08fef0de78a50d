"""Adam as torch computes it, without torch's compiler."""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from partbench.benchmark.run.adam import Adam


@pytest.mark.parametrize("settings", [{}, {"weight_decay": 0.1}, {"fused": True}], ids=str)
def test_the_weights_are_those_of_torch(settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit, where the compiler cannot even be imported."""
    torch.manual_seed(0)
    network, images = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)), torch.randn(9, 5)

    def trained(adam: type[torch.optim.Adam]) -> Tensor:
        mine = deepcopy(network)
        optimizer = adam(mine.parameters(), 0.01, **settings)
        for _ in range(20):
            optimizer.zero_grad(set_to_none=True)
            mine(images).square().mean().backward()
            optimizer.step()
        assert all(weight.requires_grad for weight in mine.parameters())
        return nn.utils.parameters_to_vector(mine.parameters()).detach()

    theirs = trained(torch.optim.Adam)
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)
    assert torch.equal(trained(Adam), theirs)
    assert not torch.equal(theirs, nn.utils.parameters_to_vector(network.parameters()))
