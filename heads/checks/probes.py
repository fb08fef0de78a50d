"""What heads are checked with: a small picture of noise whose labels its last map shows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..head import Head, Solves

CHANNELS = (5, 3, 1)
SIDES = (2, 4, 8)
CLASSES = 3


def built(head: Head, channels: tuple[int, ...] = CHANNELS, device: str = "cpu") -> nn.Module:
    """The head; one that `Solves` has solved two images, on the device."""
    torch.manual_seed(0)
    module = head.build(channels, CLASSES)
    if isinstance(module, Solves) and channels == CHANNELS:
        solved(module.to(device), maps := [layer.to(device) for layer in noise_maps(2)], sign_labels(maps))
    return module.to(device).eval() if isinstance(module, nn.Module) else module


def solved(module: nn.Module, maps: Sequence[Tensor], labels: Tensor) -> nn.Module:
    """A head that has solved all images of maps and labels (N, 8, 8)."""
    assert isinstance(module, Solves)
    torch.manual_seed(0)
    module.solve(lambda place: [layer[place : place + 1] for layer in maps], labels)
    return module


def noise_maps(count: int) -> list[Tensor]:
    """Maps of `count` images, (N, CHANNELS[i], SIDES[i], SIDES[i])."""
    noise = torch.Generator().manual_seed(1)
    return [torch.randn(count, c, side, side, generator=noise) for c, side in zip(CHANNELS, SIDES, strict=True)]


def sign_labels(maps: Sequence[Tensor]) -> Tensor:
    """Two classes (N, 8, 8), plain in the last map."""
    return maps[-1][:, 0].ge(0).long()


def logits_of(module: nn.Module, maps: Sequence[Tensor], size: int) -> Tensor:
    with torch.no_grad():
        logits: Tensor = module(maps, size)
    return logits


def close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5)
