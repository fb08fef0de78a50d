"""How maps are scaled before a head reads them."""

from __future__ import annotations

import torch
from torch import Tensor

SCALES = ("rms", "none", "standard")
"""`rms` divides each map by its root mean square, `standard` centres every channel and divides it by its deviation."""


def scale_of(first: Tensor, second: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """Shift and scale (C, 1, 1), from the mean (C,) and mean square (C,) of a map's channels."""
    tiny = 1e-6
    if kind == "rms":
        shift, scale = torch.zeros_like(first), second.mean().sqrt().clamp(min=tiny).expand_as(first)
    elif kind == "standard":
        shift, scale = first, (second - first.square()).clamp(min=0).sqrt().clamp(min=tiny)
    elif kind == "none":
        shift, scale = torch.zeros_like(first), torch.ones_like(first)
    else:
        raise ValueError(f"no scale is called {kind!r}; choose {', '.join(SCALES)}")
    return shift[:, None, None], scale[:, None, None]
