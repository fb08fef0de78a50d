"""Measured cost of a segmenter on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from .recipe import SegmenterRecipe


@dataclass(frozen=True)
class SegmenterFigures:
    """The training of a segmenter, the making of what it learns from, and its reading of images."""

    recipe: SegmenterRecipe
    step: float = 0.0
    """Seconds of a training step."""
    image: float = 0.0
    """Seconds to read one test image."""
    parameters: int = 0
    """Bytes of its numbers."""
    memory: int = 0
    """Bytes at the highest of a step."""
    samples: int = 0
    """Pairs that are sampled and labelled; 0 where the shots are the pairs."""
    label: float = 0.0
    """Seconds to sample and to label one."""
    pair: int = 0
    """Bytes of one on disk."""

    def seconds(self, shots: int) -> float:
        """Until it can read images."""
        return self.samples * self.label + self.recipe.total(self.samples or shots) * self.step

    @property
    def pairs(self) -> int:
        """Bytes of samples and labels on disk, until their cell is scored."""
        return self.samples * self.pair

    @property
    def file(self) -> int:
        """Bytes of its file, which stays: half precision."""
        return self.parameters // 2
