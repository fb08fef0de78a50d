"""AnyUp around an extractor: its maps become maps that AnyUp enlarges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ... import one_line
from ..backbone import BackboneError
from ..weights.safe_unpickling import read_tensors
from .attention import Attention, Picture
from .guided import GuidedMap
from .network import GROUPS, AnyUp

if TYPE_CHECKING:
    from ..backbone import Maps

LEAST = 2
"""Side of a map, cells, from which there is something to choose from."""


class Upsample(nn.Module):
    """Gives each map how the pixels of its image attend to it; smaller ones stay as they are."""

    settings = ""

    def __init__(self, network: AnyUp) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).eval()

    def forward(self, maps: Maps, images: Callable[[], Tensor], height: int, width: int) -> Maps:
        large = [min(layer.shape[-2:]) >= LEAST for layer in maps]
        shapes = tuple((m.shape[-2], m.shape[-1]) for m, guided in zip(maps, large, strict=True) if guided)
        pictures = [Picture(self.network, image[None].detach(), shapes) for image in images().to(maps[0].device)]
        return [guide(m, pictures) if guided else m for m, guided in zip(maps, large, strict=True)]


def guide(layer: Tensor, pictures: list[Picture]) -> GuidedMap:
    """A map (N, C, h, w) with the attention of its images."""
    shape, raw = (layer.shape[-2], layer.shape[-1]), layer.detach().float()
    return GuidedMap.of(layer.detach(), [Attention(p, raw[i : i + 1], shape) for i, p in enumerate(pictures)])


def open_weights(path: Path) -> AnyUp:
    """The network of a published checkpoint, or of one with its layout at any width."""
    state = read_tensors(path)
    try:
        width, kernel = state["image_encoder.0.weight"].shape[0], state["key_features_encoder.0.basis"].shape[-1]
        if width % (2 * GROUPS):
            raise ValueError(f"a width of {width}")
        with torch.random.fork_rng(devices=[]):
            network = AnyUp(width, kernel)
        network.load_state_dict(state)
    except (RuntimeError, KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        what = f"{path} holds other weights than AnyUp's ({one_line(error)})"
        raise BackboneError(f"{what}; take anyup_multi_backbone.pth or anyup_paper.pth of wimmerth/anyup") from error
    return network
