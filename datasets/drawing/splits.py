"""Drawn images: each a function of one integer and the size, with an exact mask; splits are ranges of seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from ..dataset import DatasetError, Splits
from .canvas import Canvas
from .sampling import Array

if TYPE_CHECKING:
    from torch import Tensor

BATCH_PIXELS = 8 * 64 * 64
"""Pixels painted at once: few enough that the planes stay in the processor's cache."""
NOISE = 0.006
"""Standard deviation of the sensor's noise."""

Labels = npt.NDArray[np.uint8]
Render: TypeAlias = Callable[[Sequence[int], int], tuple[Array, Labels]]
"""Seeds and a size to images (N, 3, size, size) in [0, 1] and labels (N, size, size)."""


@dataclass(frozen=True)
class Drawings:
    """Drawings of consecutive seeds; the seed is the drawing's name."""

    seeds: range
    render: Render
    what: str
    """The dataset, for errors."""
    labelled: bool = True
    merged: tuple[int, ...] = ()
    """The class that each class of the drawing becomes; none: as it is."""

    def __len__(self) -> int:
        return len(self.seeds)

    def name(self, index: int) -> str:
        """The seed in seven digits."""
        return f"{self.seeds[index]:07d}"

    def inspect(self, index: int) -> None:
        """Nothing: what is drawn when it is asked for is in no file that could be broken."""

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The drawings at `indices`, (N, 3, size, size) float32 in [0, 1]."""
        return torch.from_numpy(self.render(self._seeds(indices), size)[0])

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """The class at each pixel's centre, (N, size, size) int64."""
        if not self.labelled:
            mend = "draw them from pool, validation or test"
            raise DatasetError(f"the split 'unlabelled' of {self.what} has no masks; {mend}")
        labels = self.render(self._seeds(indices), size)[1].astype(np.int64)
        return torch.from_numpy(np.array(self.merged)[labels] if self.merged else labels)

    def _seeds(self, indices: Sequence[int]) -> list[int]:
        return [self.seeds[int(index)] for index in indices]


def open_drawings(render: Render, what: str, merged: tuple[int, ...] = ()) -> Splits:
    """A thousand drawings each for pool, validation and test, and a million more without masks."""
    return Splits(
        pool=Drawings(range(1_000), render, what, merged=merged),
        validation=Drawings(range(1_000, 2_000), render, what, merged=merged),
        test=Drawings(range(2_000, 3_000), render, what, merged=merged),
        unlabelled=Drawings(range(1_000_000, 2_000_000), render, what, labelled=False),
    )


def in_batches(
    paint: Callable[[Sequence[int], int], Canvas], seeds: Sequence[int], size: int, pixels: int = BATCH_PIXELS
) -> tuple[Array, Labels]:
    """Everything that `paint` paints from these seeds, so many pixels at a time, with the sensor's noise."""
    images = np.empty((len(seeds), 3, size, size), np.float32)
    labels = np.empty((len(seeds), size, size), np.uint8)
    step = max(1, pixels // (size * size))
    for start in range(0, len(seeds), step):
        part = slice(start, start + step)
        canvas = paint(seeds[part], size)
        images[part], labels[part] = expose(canvas.image, seeds[part]), canvas.label
    return images, labels


def expose(image: Array, seeds: Sequence[int]) -> Array:
    """The picture with a little noise that depends on the seed and the size, clipped to [0, 1]."""
    for row, seed in zip(image, seeds, strict=True):
        noise = np.random.default_rng((int(seed), row.shape[-1])).random(row.shape, dtype=np.float32)
        row += (NOISE * 12**0.5) * (noise - 0.5)
    return np.clip(image, 0, 1, out=image)
