"""Probes of the backbone checks: test images, calls and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .backbone import Backbone, Extractor, Inverts
from .blots import clouds

if TYPE_CHECKING:
    from .backbone import Codes, Maps

COUNT = 2
"""Images per check."""
TOLERANCE = 1e-3
"""Difference, relative to a map's largest value, that rounding may explain."""


def images_for(backbone: Backbone) -> Tensor:
    """Images (2, 3, S, S) in [0, 1] of the size that it declares, always the same."""
    return clouds(COUNT, backbone.size)


@torch.no_grad()
def run(extractor: Extractor, images: Tensor) -> Maps:
    """The maps of images, without a gradient."""
    return extractor(images)


@torch.no_grad()
def decode(extractor: Inverts, codes: Codes) -> Maps:
    """The maps of codes, without a gradient."""
    return extractor.maps(codes)


def rows(codes: Mapping[str, Tensor], order: slice | list[int]) -> dict[str, Tensor]:
    """The codes of some of the images."""
    return {name: code[order] for name, code in codes.items()}


def close(one: Maps, other: Maps) -> bool:
    """Whether maps have the same forms and, but for rounding, the same numbers."""
    if [layer.shape for layer in one] != [layer.shape for layer in other]:
        return False
    return all((a - b).abs().max() <= TOLERANCE * a.abs().max() for a, b in zip(one, other, strict=True))


def one_line(error: Exception) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
