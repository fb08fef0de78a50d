"""`mlp-ensemble`: ten small MLPs that vote on every pixel and say how sure they are, as a head.

The pixel classifier of DatasetGAN (Zhang et al., CVPR 2021) and of Label-Efficient Semantic Segmentation with Diffusion
Models (Baranchuk et al., ICLR 2022). `partbench_ensemble_network` holds the network; see there what its logits mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import partbench
from partbench.heads.head import Head

if TYPE_CHECKING:
    from torch import nn

MEMBERS = 10


def build(channels: tuple[int, ...], classes: int) -> nn.Module:
    """The ten networks as one module; torch is imported now, and not when somebody lists what there is."""
    from partbench_ensemble_network import Ensemble

    return Ensemble(channels, classes, MEMBERS)


@partbench.hookimpl
def partbench_heads() -> Iterable[Head]:
    """The one head."""
    yield Head("mlp-ensemble", build, "ten MLPs with batch norm that vote on each pixel (DatasetGAN, DDPM-seg)")
