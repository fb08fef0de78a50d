"""Measures how well a trained head fits its own shots, which says without any test image whether it has learnt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...datasets.dataset import IGNORE
from ..metrics.confusion import confuse, per_class
from ..scores.convergence import ShotFit
from .head_training import Trained, logits_of
from .losses import cross_entropy


def measure_fit(trained: Trained, shot: Callable[[int], Sequence[Tensor]], masks: Tensor, classes: int) -> ShotFit:
    """Read every shot once, without a gradient: maps (1, C_i, h_i, w_i) by place, masks (n, S, S)."""
    counts, losses = torch.zeros(classes, classes, dtype=torch.int64), []
    for place, truth in enumerate(masks):
        logits = logits_of(trained.module, shot(place), truth.shape[-1], classes)
        losses.append(float(cross_entropy(logits, truth[None])) * int((truth != IGNORE).sum()))
        counts += torch.from_numpy(confuse(logits.argmax(1).cpu().numpy(), truth[None].cpu().numpy(), classes)).sum(0)
    pixels, present = int(counts.sum()), counts.sum(1) > 0
    iou = torch.from_numpy(per_class(counts.numpy()))[present]
    return ShotFit(
        steps=trained.steps,
        settled=trained.settled,
        loss=sum(losses) / max(1, pixels),
        iou=float(iou.mean()) if pixels else float("nan"),
        constant=float(counts.sum(1).max()) / pixels / int(present.sum()) if pixels else float("nan"),
        accuracy=int(counts.diagonal().sum()) / pixels if pixels else float("nan"),
    )
