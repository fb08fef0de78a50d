"""Few-shot training of heads: the loop and its loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...datasets.dataset import IGNORE
from ...heads.head import Head, HeadError, ReadsPixels, ReadsRows, Rows, Solves
from ...heads.pixelwise import Projection
from .pace import Pace
from .schedules import Schedule

PIXELS_AT_ONCE = 2**18
"""Pixels of an image that a head is shown together where it can be shown strips: all of one of 512 x 512."""


@dataclass(frozen=True)
class Trained:
    """A trained head, and how its training ended."""

    module: nn.Module
    steps: int
    settled: bool | None
    """Whether the loss had settled before the last step that the schedule allows; None of a fixed number of steps, and
    of a head that is solved in none."""


@contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Let a CPU take numbers under 1e-38 for zero.

    A head that knows its only image by heart has hardly any other gradients, at a third of the speed.
    """
    already = (torch.full((), 1e-39) * 1).item() == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(already)


def loss_of(head: nn.Module, maps: Sequence[Tensor], masks: Tensor, pixels: int, random: torch.Generator) -> Tensor:
    """Cross entropy of a head on maps and masks (N, S, S), at `pixels` random pixels where the head allows it."""
    size = masks.shape[-1]
    if isinstance(head, ReadsPixels) and pixels < size * size:
        chosen = torch.randint(size * size, (len(masks), pixels), generator=random).to(masks.device)
        logits, truth = head.at(maps, chosen, size), masks.flatten(1).gather(1, chosen)
    else:
        logits, truth = head(maps, size), masks
    return cross_entropy(logits, truth)


def cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """The mean over labelled pixels, which is 0 and not NaN where none has a label."""
    return F.cross_entropy(logits, truth, ignore_index=IGNORE, reduction="sum") / (truth != IGNORE).sum().clamp(min=1)


def strips(size: int) -> list[Rows]:
    """The rows of an image of this side that go through a head together: all, or strips of a large one."""
    step = max(1, PIXELS_AT_ONCE // size)
    return [(top, min(top + step, size)) for top in range(0, size, step)]


def losses(
    head: nn.Module, maps: Sequence[Tensor], masks: Tensor, pixels: int, random: torch.Generator
) -> Iterator[Tensor]:
    """`loss_of` in terms to add up: one, or one per strip of an image that a head cannot be shown whole."""
    size = masks.shape[-1]
    sampled = isinstance(head, ReadsPixels) and pixels < size * size
    if len(strips(size)) == 1 or sampled or not isinstance(head, ReadsRows):
        yield loss_of(head, maps, masks, pixels, random)
        return
    labelled = (masks != IGNORE).sum().clamp(min=1)
    for rows in strips(size):
        logits, truth = head.rows(maps, rows, size), masks[:, slice(*rows)]
        yield F.cross_entropy(logits, truth, ignore_index=IGNORE, reduction="sum") / labelled


def fit(
    head: Head,
    channels: tuple[int, ...],
    classes: int,
    maps: Sequence[Tensor],
    masks: Tensor,
    schedule: Schedule,
    seed: int,
) -> nn.Module:
    """The head trained on maps (n, channels[i], h_i, w_i) and masks (n, S, S); the same seed gives the same bits."""
    return learn(head, channels, classes, lambda row: [m[row : row + 1] for m in maps], masks, schedule, seed).module


def learn(
    head: Head,
    channels: tuple[int, ...],
    classes: int,
    shot: Callable[[int], Sequence[Tensor]],
    masks: Tensor,
    schedule: Schedule,
    seed: int,
) -> Trained:
    """As `fit`, with the maps (1, channels[i], h_i, w_i) of one image at a time, when it is its turn."""
    # The whole training is inside, because a head may have dropout.
    with denormals_as_zero(), torch.random.fork_rng(devices=[masks.device] if masks.is_cuda else []):
        torch.manual_seed(seed)
        module = head.build(channels, classes).to(masks.device)
        if isinstance(module, Solves):
            module.solve(shot, masks)
            return Trained(module.requires_grad_(False).eval(), 0, None)
        pace = _train(module, shot, masks, schedule.for_head(head.name), seed)
    return Trained(module.requires_grad_(False).eval(), pace.step, pace.settled)


def _train(
    module: nn.Module, shot: Callable[[int], Sequence[Tensor]], masks: Tensor, schedule: Schedule, seed: int
) -> Pace:
    """Train a head; the pace that it kept."""
    random = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(module.parameters(), schedule.rate, weight_decay=schedule.weight_decay)
    pace, order = Pace(schedule, len(masks), entropy(masks[masks != IGNORE].bincount())), list[int]()
    with torch.enable_grad():
        while not pace.over:
            order = order or torch.randperm(len(masks), generator=random).tolist()
            row = order.pop()
            optimizer.param_groups[0]["lr"] = pace.rate
            optimizer.zero_grad(set_to_none=True)
            parts = []
            for loss in losses(module, shot(row), masks[row : row + 1], schedule.pixels, random):
                loss.backward()
                parts.append(loss.detach())
            optimizer.step()
            pace.took(torch.stack(parts).sum())
    return pace


def entropy(counts: Tensor) -> float:
    """The entropy, in nats, of classes that are seen so often: the least loss of a head that ignores the image."""
    shares = counts[counts > 0].double() / counts.sum()
    return float(-(shares * shares.log()).sum())


def logits_of(head: nn.Module, maps: Sequence[Tensor], size: int, classes: int) -> Tensor:
    """Logits (N, K, size, size) that a trained head gives maps, image by image: one fits into a CPU's cache."""
    with torch.no_grad():
        logits = torch.cat([_logits_of_one(head, [m[i : i + 1] for m in maps], size) for i in range(len(maps[0]))])
    wanted = (len(maps[0]), classes, size, size)
    if tuple(logits.shape) != wanted:
        raise HeadError(f"its logits have shape {tuple(logits.shape)}; make them {wanted}")
    if not logits.isfinite().all():
        raise HeadError("its logits have NaN or infinity in them; see whether its training diverges")
    return logits


def _logits_of_one(head: nn.Module, maps: Sequence[Tensor], size: int) -> Tensor:
    """Of one image (1, K, size, size), strip by strip if it is large."""
    if len(strips(size)) > 1 and isinstance(head, ReadsRows):
        return torch.cat([head.rows(maps, rows, size) for rows in strips(size)], dim=2)
    logits: Tensor = head(maps, size)
    return logits


def predict(head: nn.Module, maps: Sequence[Tensor], size: int, classes: int) -> Tensor:
    """Class indices (N, size, size) that a trained head gives maps."""
    return logits_of(head, maps, size, classes).argmax(1)


def strategy(module: nn.Module, schedule: Schedule, size: int) -> str:
    """How a head reads eq. (1) while it learns."""
    if isinstance(module, Solves):
        return "solved"
    if isinstance(module, ReadsPixels) and schedule.pixels < size * size:
        return f"sampled at {schedule.pixels} pixels"
    return "projected" if any(isinstance(part, Projection) for part in module.modules()) else "its own way"
