"""Training recipes of the segmenter: section 4.3, and a quick one for CPUs."""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH = 64
"""Channels of the first layer in Table A; every other layer has a multiple of them."""


@dataclass(frozen=True)
class SegmenterRecipe:
    """Numbers of a training of the U-Net; the defaults are those of section 4.3."""

    images: int = 5000
    """Sampled for an auto-shot segmenter (section 5.1)."""
    width: int = WIDTH
    """Channels of the first layer."""
    rate: float = 1e-3
    batch: int = 32
    """Not in the paper; the authors' code has this one."""
    epochs: int = 300
    decay: float = 0.1
    """What the rate is multiplied by where the validation loss has not improved for `patience` epochs."""
    patience: int = 20
    held: float = 0.05
    """Share of the pairs that the validation loss is taken from, where there are enough of them."""
    moved: float = 1.0
    """How often a picture is scaled, turned and shifted; a short training needs some that are as they were."""
    steps: int | None = None
    """Fixes the number of steps instead, along which the rate rises for a tenth and falls along a cosine."""

    def learnt(self, pairs: int) -> int:
        """How many of so many pairs are learnt from; the others give the validation loss."""
        return pairs if self.steps else pairs - int(pairs * self.held)

    def total(self, pairs: int) -> int:
        """Steps of a training on so many pairs."""
        return self.steps or self.epochs * -(-self.learnt(pairs) // self.batch)

    def factor(self, step: int) -> float:
        """What the rate is multiplied by at `step`, where their number is fixed."""
        assert self.steps
        t = step / self.steps
        return min(1.0, (step + 1) / (0.1 * self.steps)) * (0.5 + 0.5 * math.cos(math.pi * t))


QUICK = SegmenterRecipe(images=1000, width=16, rate=3e-3, batch=16, moved=0.5, steps=400)
RECIPES: dict[str, SegmenterRecipe] = {"paper": SegmenterRecipe(), "medium": QUICK, "quick": QUICK}
"""By the name of a run's schedule. `quick` was chosen on validation faces at 64 pixels: minutes for a cell.

So few steps leave the network short of what every picture moved would need (200 labelled faces, 150 steps of 32:
`paper_weighted` 61.8, and 81.0 with none moved); half of them moved give 81.9 in 400 steps of 16.
"""
