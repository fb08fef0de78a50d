"""The prototype head: the nearest class mean by cosine.

Cosines are taken from the mean of the class means: features have a common direction, which tells no class from another.
A pixel's own length changes no order of classes, so the head is linear in F, and the class means come from the maps
without F. It has no steps, and nothing makes it fit its own shots. docs/pages/protocol.md has what it was chosen by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .gram import class_sums, exact
from .head import NEVER, HeadError
from .pixelwise import Projection


class Prototype(Projection):
    """Logits that are cosines with class means, times the length of a pixel."""

    @torch.no_grad()
    def solve(self, shot: Callable[[int], Sequence[Tensor]], masks: Tensor) -> None:
        """Take the mean of every class over the labelled pixels of all shots."""
        sums, pixels = _sums(shot, masks, len(self.bias))
        seen = pixels > 0
        if not seen.any():
            raise HeadError("its shots have no labelled pixel to take a mean of; label some, or choose other shots")
        means = (sums / pixels.clamp(min=1)).T  # (K, ΣC)
        centre = means[seen].mean(0)
        directions = F.normalize(means - centre, dim=1)
        self.weight.copy_((directions * seen[:, None])[:, :, None, None])
        self.bias.copy_(torch.where(seen, -directions @ centre, NEVER))


def _sums(shot: Callable[[int], Sequence[Tensor]], masks: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Sums of F by class (ΣC, K) and pixels by class (K,), over all shots."""
    parts = [class_sums(exact(shot(i), len(mask)), mask, classes) for i, mask in enumerate(masks)]
    pixels = torch.stack([(masks == k).sum() for k in range(classes)])
    return torch.stack(parts).sum(0), pixels.to(parts[0])
