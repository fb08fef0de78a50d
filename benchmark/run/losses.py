"""The loss of a head on one shot: cross entropy at a few pixels, on a whole image, or strip by strip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ...datasets.dataset import IGNORE
from ...heads.head import ReadsPixels, ReadsRows, Rows

PIXELS_AT_ONCE = 2**18
"""Pixels of an image that a head is shown together where it can be shown strips: all of one of 512 x 512."""


def cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """The mean over labelled pixels, which is 0 and not NaN where none has a label."""
    return _sum(logits, truth) / _labelled(truth)


def _sum(logits: Tensor, truth: Tensor) -> Tensor:
    return F.cross_entropy(logits, truth, ignore_index=IGNORE, reduction="sum")


def _labelled(truth: Tensor) -> Tensor:
    return (truth != IGNORE).sum().clamp(min=1)


def strips(size: int) -> list[Rows]:
    """The rows of an image of this side that go through a head together: all, or strips of a large one."""
    step = max(1, PIXELS_AT_ONCE // size)
    return [(top, min(top + step, size)) for top in range(0, size, step)]


def samples(head: nn.Module, pixels: int, size: int) -> bool:
    """Whether a head learns from so many pixels of an image of this side, and not from all."""
    return isinstance(head, ReadsPixels) and pixels < size * size


def parts(head: nn.Module, size: int, sampled: bool) -> list[Rows | None]:
    """What a loss is added up from: one part, or the strips of an image that a head cannot be shown whole."""
    cut = len(strips(size)) > 1 and not sampled and isinstance(head, ReadsRows)
    return [*strips(size)] if cut else [None]


def loss_of(
    head: nn.Module, maps: Sequence[Tensor], masks: Tensor, chosen: Tensor | None = None, rows: Rows | None = None
) -> Tensor:
    """The loss of a head on maps and masks (N, S, S): at `chosen` pixels (N, P), in some rows, or whole."""
    size = masks.shape[-1]
    if chosen is not None:
        assert isinstance(head, ReadsPixels)
        return cross_entropy(head.at(maps, chosen, size), masks.flatten(1).gather(1, chosen))
    if rows is not None:
        assert isinstance(head, ReadsRows)
        return _sum(head.rows(maps, rows, size), masks[:, slice(*rows)]) / _labelled(masks)
    return cross_entropy(head(maps, size), masks)


def losses(head: nn.Module, maps: Sequence[Tensor], masks: Tensor, chosen: Tensor | None) -> Iterator[Tensor]:
    """`loss_of` in terms to add up, so that the graph of one is gone when the next is made."""
    for rows in parts(head, masks.shape[-1], chosen is not None):
        yield loss_of(head, maps, masks, chosen, rows)


def entropy(counts: Tensor) -> float:
    """The entropy, in nats, of classes that are seen so often: the least loss of a head that ignores the image."""
    shares = counts[counts > 0].double() / counts.sum()
    return float(-(shares * shares.log()).sum())
