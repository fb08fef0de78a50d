"""Maps of a backbone: a list of tensors."""

from __future__ import annotations

import pytest
import torch

from partbench.backbones.backbone import Backbone, BackboneError
from partbench.backbones.maps import validate_maps

TOY = Backbone("toy", 32, (3, 6), load=list)


def test_a_tensor_is_not_a_list_of_maps() -> None:
    """The commonest mistake, a network that returns its last map alone, is named as such."""
    with pytest.raises(BackboneError, match="toy gives a Tensor instead of its maps; return a list of tensors"):
        validate_maps(TOY, torch.zeros(2, 3, 4, 4), 2)
    with pytest.raises(BackboneError, match="toy gives a list instead of its maps"):
        validate_maps(TOY, [None], 2)
