"""Agreement of masks: between two sizes, and with the colours of their images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from scipy.optimize import linear_sum_assignment
from torch.nn.functional import interpolate, max_pool2d, one_hot

from ..dataset import IGNORE

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 0.005
"""Share of the pixels from which on a class is looked at: what is smaller may be lost where the side is halved."""


def mask_disagreement(small: Tensor, large: Tensor) -> float:
    """How far masks (N, s, s) contradict the same ones at (N, k s, k s): the share of pixels of a class astray.

    A pixel is astray where the other size has nothing of its class, give or take a pixel of that size. It is the mean
    over classes, and the greater one of looking from the small masks and from the large ones. Shares of a class are
    not compared: a mask that keeps thin lines unbroken has twice as much of them at half the side.

    On real and rendered masks, of 32 and 64 pixels, it is up to 0.05; moved by an eighth of the side, from 0.22 on.
    """
    here, there = _places(small), _places(large)
    factor = large.shape[-1] // small.shape[-1]
    return max(
        _outside(here, max_pool2d(_grown(there), factor)),
        _outside(there, interpolate(_grown(here), scale_factor=factor)),
    )


def explained_variance(images: Tensor, masks: Tensor) -> Tensor:
    """The share (N,) of the colour differences in images (N, 3, s, s) that are between the classes of their masks."""
    places = _places(masks)[:, :IGNORE].flatten(2)  # (N, classes, pixels)
    counts, labelled = places.sum(2), places.sum(1, keepdim=True)
    colours = images.flatten(2) - (images.flatten(2) * labelled).sum(2, keepdim=True) / labelled.sum(
        2, keepdim=True
    ).clamp(1)
    means = torch.einsum("nkp,ncp->nkc", places, colours) / counts.clamp(1)[:, :, None]
    between = (counts[:, :, None] * means.square()).sum((1, 2))
    return between / (colours.square() * labelled).sum((1, 2)).clamp(1e-9)


def fit(images: Tensor, masks: Tensor) -> tuple[float, float]:
    """How well masks explain their images (N, 3, s, s), and how well they would in the best order: means over N."""
    count = len(images)
    shares = torch.stack([explained_variance(images, masks.roll(-step, 0)) for step in range(count)], dim=1)
    order = (torch.arange(count)[:, None] + torch.arange(count)) % count
    table = torch.zeros(count, count).scatter(1, order, shares)  # of image and mask
    rows, columns = linear_sum_assignment(table, maximize=True)
    return table.diagonal().mean().item(), table[rows, columns].mean().item()


def _places(masks: Tensor) -> Tensor:
    """1 where a class is, else 0, (N, IGNORE + 1, side, side)."""
    return one_hot(masks, IGNORE + 1).movedim(-1, 1).float()


def _grown(places: Tensor) -> Tensor:
    """Places, and all that are a pixel away from them."""
    return max_pool2d(places, 3, stride=1, padding=1)


def _outside(places: Tensor, allowed: Tensor) -> float:
    """The share of its pixels that a class has outside the allowed places, a mean over all classes but tiny ones."""
    counts = places.sum((0, 2, 3))
    shares = (places * (1 - allowed)).sum((0, 2, 3)) / counts
    return shares[counts >= LEAST * counts.sum()].mean().item()
