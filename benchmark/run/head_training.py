"""Few-shot training of one head, and what a trained head says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...datasets.dataset import IGNORE
from ...heads.head import Head, HeadError, ReadsRows, Solves, likeliest
from ...heads.pixelwise import Projection
from .adam import Adam
from .losses import PIXELS_AT_ONCE, entropy, losses, samples, strips
from .pace import Pace
from .schedules import Schedule
from .shot_order import ShotOrder

UNLABELLED = "its shots have no labelled pixel to learn from; label some, or choose other shots"
UNSOUND = "its logits have NaN or infinity in them; see whether its training diverges"


@dataclass(frozen=True)
class Trained:
    """A trained head, and how its training went."""

    module: nn.Module
    steps: int
    settled: bool | None
    """Whether the loss had settled before the last step that the schedule allows; None of a fixed number of steps, and
    of a head that is solved in none."""
    stacked: int = 1
    """Heads that trained together, it among them."""


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


@contextmanager
def full_float32() -> Iterator[None]:
    """Let a GPU round no convolution to TF32, which it does in other places of a stack than of a head alone.

    After four steps that was a tenth in some logits, where float32 has 1e-4.
    """
    rounded = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = rounded


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
    with denormals_as_zero(), full_float32(), torch.random.fork_rng(devices=[masks.device] if masks.is_cuda else []):
        torch.manual_seed(seed)
        module = head.build(channels, classes).to(masks.device)
        if isinstance(module, Solves):
            labels_of(masks)
            module.solve(shot, masks)
            return Trained(module.requires_grad_(False).eval(), 0, None)
        pace = _train(module, shot, masks, schedule.for_head(head.name), seed)
    return Trained(module.requires_grad_(False).eval(), pace.step, pace.settled)


def begin(head: Head, channels: tuple[int, ...], classes: int, seed: int) -> nn.Module:
    """The head as a training under this seed begins with it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return head.build(channels, classes)


def _train(
    module: nn.Module, shot: Callable[[int], Sequence[Tensor]], masks: Tensor, schedule: Schedule, seed: int
) -> Pace:
    """Train a head; the pace that it kept."""
    optimizer = Adam(module.parameters(), schedule.rate, weight_decay=schedule.weight_decay)
    pace, order = pace_of(schedule, masks), order_of(module, schedule, len(masks), masks.shape[-1], seed)
    with torch.enable_grad():
        while not pace.over:
            taken, rates = [], pace.rates()
            rows, chosen = order.take(len(rates))
            pixels = None if chosen is None else chosen[:, None].to(masks.device)
            for step, (rate, row) in enumerate(zip(rates, rows, strict=True)):
                optimizer.param_groups[0]["lr"] = rate
                optimizer.zero_grad(set_to_none=True)
                terms, at = [], None if pixels is None else pixels[step]
                for loss in losses(module, shot(row), masks[row : row + 1], at):
                    loss.backward()
                    terms.append(loss.detach())
                optimizer.step()
                taken.append(torch.stack(terms).sum())
            pace.took(torch.stack(taken).tolist())
    return pace


def pace_of(schedule: Schedule, masks: Tensor) -> Pace:
    """The pace of a training on masks (n, S, S)."""
    return Pace(schedule, len(masks), entropy(labels_of(masks).bincount()))


def labels_of(masks: Tensor) -> Tensor:
    """The labels (L,) that masks (n, S, S) have; `HeadError` if there is none to learn from."""
    labels = masks[masks != IGNORE]
    if not len(labels):
        raise HeadError(UNLABELLED)
    return labels


def order_of(head: nn.Module, schedule: Schedule, shots: int, size: int, seed: int) -> ShotOrder:
    """The order in which a head sees so many shots of this side."""
    return ShotOrder(shots, schedule.pixels if samples(head, schedule.pixels, size) else None, size, seed)


def logits_of(head: nn.Module, maps: Sequence[Tensor], size: int, classes: int) -> Tensor:
    """Logits (N, K, size, size) that a trained head gives maps."""
    with torch.no_grad(), full_float32():
        logits = read(head, maps, size, classes)
    if not logits.isfinite().all():
        raise HeadError(UNSOUND)
    return logits


def read(head: nn.Module, maps: Sequence[Tensor], size: int, classes: int) -> Tensor:
    """As `logits_of`, of one head or of a stack, with a gradient, and whatever the numbers are."""
    logits = torch.cat([_logits(head, [m[some] for m in maps], size) for some in _together(maps, size)])
    wanted = (len(maps[0]), classes, size, size)
    if tuple(logits.shape) != wanted:
        raise HeadError(f"its logits have shape {tuple(logits.shape)}; make them {wanted}")
    return logits


def _together(maps: Sequence[Tensor], size: int) -> list[slice]:
    """Images that are read at once: one fits into a CPU's cache, a GPU waits for more."""
    step = max(1, PIXELS_AT_ONCE // size**2) if maps[0].is_cuda else 1
    return [slice(i, i + step) for i in range(0, len(maps[0]), step)]


def _logits(head: nn.Module, maps: Sequence[Tensor], size: int) -> Tensor:
    """Of images (N, K, size, size), strip by strip if they are large."""
    if len(strips(size)) > 1 and isinstance(head, ReadsRows):
        return torch.cat([head.rows(maps, rows, size) for rows in strips(size)], dim=2)
    logits: Tensor = head(maps, size)
    return logits


def predict(head: nn.Module, maps: Sequence[Tensor], size: int, classes: int) -> Tensor:
    """Class indices (N, size, size) that a trained head gives maps."""
    return likeliest(logits_of(head, maps, size, classes))


def strategy(module: nn.Module, schedule: Schedule, size: int) -> str:
    """How a head reads eq. (1) while it learns."""
    if isinstance(module, Solves):
        return "solved"
    if samples(module, schedule.pixels, size):
        return f"sampled at {schedule.pixels} pixels"
    return "projected" if any(isinstance(part, Projection) for part in module.modules()) else "its own way"
