"""Validation of a training on held-out images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...backbones.training.trainer import LearnsFromMasks, Trainer
from ...datasets.dataset import Split

SHARE, MOST = 0.1, 256
"""Share of a split, and most images, that are held out of a training."""


def held_out(split: Split) -> range:
    """The last images of a split, which no training sees."""
    return range(len(split) - min(MOST, int(SHARE * len(split))), len(split))


@dataclass(frozen=True)
class Validation:
    """Held-out images of side `size` to validate a trainer on."""

    split: Split
    indices: Sequence[int]
    size: int

    def measure_trainer(self, trainer: Trainer) -> Mapping[str, float]:
        """The trainer's measures by name; none without images."""
        if not self.indices:
            return {}
        images = self.split.images(self.indices, self.size)
        if isinstance(trainer, LearnsFromMasks):
            return trainer.measure_with_masks(images, self.split.masks(self.indices, self.size))
        return trainer.measure(images)


def format_measures(measures: Mapping[str, float]) -> str:
    """Measures in one line."""
    return ", ".join(f"{name} {value:.4g}" for name, value in measures.items())
