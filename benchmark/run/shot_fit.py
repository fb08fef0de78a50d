"""Measures how well a trained head fits its own shots, which says without any test image whether it has learnt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...datasets.dataset import IGNORE
from ...heads.head import likeliest
from ..metrics.confusion import confuse, per_class
from ..scores.convergence import ShotFit
from .head_training import Trained, logits_of
from .losses import cross_entropy


def measure_fit(trained: Trained, parts: Iterable[tuple[Sequence[Tensor], Tensor]], classes: int) -> ShotFit:
    """Read every shot once, without a gradient: in parts of maps (n, C_i, h_i, w_i) and masks (n, S, S).

    Some pixel of them has to have a label.
    """
    counts, losses = torch.zeros(classes, classes, dtype=torch.int64), []
    for maps, masks in parts:
        logits = logits_of(trained.module, maps, masks.shape[-1], classes)
        losses.append(float(cross_entropy(logits, masks)) * int((masks != IGNORE).sum()))
        counts += torch.from_numpy(confuse(likeliest(logits).cpu().numpy(), masks.cpu().numpy(), classes)).sum(0)
    pixels, present = int(counts.sum()), counts.sum(1) > 0
    iou = torch.from_numpy(per_class(counts.numpy()))[present]
    return ShotFit(
        steps=trained.steps,
        settled=trained.settled,
        loss=sum(losses) / pixels,
        iou=float(iou.mean()),
        constant=float(counts.sum(1).max()) / pixels / int(present.sum()),
        accuracy=int(counts.diagonal().sum()) / pixels,
    )
