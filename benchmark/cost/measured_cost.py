"""Measured cost of backbones, heads and a segmenter on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..segment.recipe import SegmenterRecipe


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


@dataclass(frozen=True)
class SolveFigures:
    """A head that is solved in no steps."""

    measured: Mapping[int, float]
    """Seconds to build it and to solve so many shots."""
    reads: float
    """How often it asks for the maps of a shot."""


@dataclass(frozen=True)
class HeadFigures:
    """One head on the maps of one backbone."""

    build: float = 0.0
    """Seconds until it can learn."""
    step: float = 0.0
    """Seconds of a training step."""
    image: float = 0.0
    """Seconds to predict and count one image."""
    parameters: int = 0
    """Bytes of its numbers."""
    memory: int = 0
    """Bytes beyond them and what trains them, at the highest of a step, a solution or a prediction."""
    strategy: str = ""
    """How it reads eq. (1)."""
    segmenter: SegmenterFigures | None = None
    """What its labels teach, if it is auto-shot."""
    solve: SolveFigures | None = None
    """What it takes in place of steps, if it is solved."""

    @property
    def training(self) -> int:
        """Bytes that train its numbers: gradients and Adam's two moments."""
        return 0 if self.solve else 3 * self.parameters


@dataclass(frozen=True)
class BackboneFigures:
    """One backbone, and every head on its maps."""

    load: float = 0.0
    read: float = 0.0
    """Seconds to read one image at its size."""
    invert: float = 0.0
    """Seconds to find the code of one image."""
    describe: float = 0.0
    """Seconds from an image, or its code, to its maps."""
    rebuild: float = 0.0
    """Seconds from a code to its image, for backbones that have codes."""
    missing: Mapping[str, int] = field(default_factory=dict)
    """Images of each stage whose codes are not kept yet."""
    code: int = 0
    """Bytes of a code on disk."""
    channels: int = 0
    maps: int = 0
    """Bytes of the maps of one image, each at its own size."""
    weights: int = 0
    """Bytes that it takes once it is loaded."""
    memory: int = 0
    """Bytes beyond them, at the highest while it describes a slice of images."""
    slice: int = 1
    """Images that go through together."""
    heads: Mapping[str, HeadFigures] = field(default_factory=dict)
    error: str | None = None
    """Why there are no figures."""
