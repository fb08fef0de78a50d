"""Fits: how a picture of any shape becomes a square, and how what is predicted on the square goes back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from ..dataset import CROP, IGNORE, PAD, STRETCH
from .decoding import decode

if TYPE_CHECKING:
    from torch import Tensor

PIXELS_AT_ONCE = 2**18
"""Pixels whose logits are held together, so that a photograph of 12 megapixels takes no more than a small one."""


@dataclass(frozen=True)
class Span:
    """What a square shows of one axis of a picture, in its pixels: from `start` on, beyond its borders where padded."""

    extent: int
    """Pixels of the picture."""
    start: float
    length: float

    def pixel_centres(self, size: int) -> list[int]:
        """The picture's pixel under the centre of each of `size` pixels; below 0 or past the end outside of it."""
        # A quotient that is no integer is at least 1/4 size away from one, so that floor() sees no rounding.
        return [math.floor(self.start + (2 * i + 1) * self.length / (2 * size)) for i in range(size)]

    def padding(self, size: int) -> float:
        """How many of `size` pixels lie before the picture, and as many after it."""
        return max(0.0, -self.start * size / self.length)

    @property
    def seen(self) -> range:
        """The picture's pixels that the square shows."""
        first = max(0, int(self.start))
        return range(first, min(self.extent, first + round(self.length)))

    def places(self, pixels: Tensor, size: int) -> Tensor:
        """Where the centres of the picture's pixels lie on the square, in [-1, 1], never on the padding."""
        at = (pixels + 0.5 - self.start) * size / self.length
        border = min(math.ceil(self.padding(size) - 0.5), (size - 1) // 2) + 0.5
        return 2 * at.clamp(border, size - border) / size - 1


@dataclass(frozen=True)
class Window:
    """The part of a picture's plane that becomes the square."""

    columns: Span
    rows: Span


def window(width: int, height: int, fit: str) -> Window:
    """What a fit shows of a picture of this size."""
    if fit == STRETCH:
        return Window(Span(width, 0, width), Span(height, 0, height))
    side = max(width, height) if fit == PAD else min(width, height)
    # Padding is the same on both sides; a crop takes whole pixels.
    starts = [(n - side) / 2 if fit == PAD else (n - side) // 2 for n in (width, height)]
    return Window(Span(width, starts[0], side), Span(height, starts[1], side))


def square_box(width: int, height: int) -> tuple[int, int, int, int]:
    """The largest central square of a picture, as (left, top, right, bottom)."""
    view = window(width, height, CROP)
    return view.columns.seen.start, view.rows.seen.start, view.columns.seen.stop, view.rows.seen.stop


def squares(paths: Sequence[Path], size: int, fit: str = CROP) -> Tensor:
    """Picture files as squares, (N, 3, size, size) float32 in [0, 1]."""
    images = torch.empty(len(paths), 3, size, size)
    for row, path in enumerate(paths):
        images[row] = square(decode(path, str(path)), size, fit)
    return images


def square(image: Image.Image, size: int, fit: str = CROP, mirrored: bool = True) -> Tensor:
    """An RGB picture as a square of another size, (3, size, size) float32 in [0, 1].

    Padding mirrors the picture, or is black.
    """
    if fit == PAD:
        pixels = _padded(image, size, mirrored)
    else:
        # Cropped first: resize(box=...) lets pixels from outside the box blend into its border.
        shown = image.crop(square_box(*image.size)) if fit == CROP else image
        pixels = np.array(shown.resize((size, size), Image.Resampling.BILINEAR))
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255


def _padded(image: Image.Image, size: int, mirrored: bool) -> NDArray[np.uint8]:
    """A picture with its longer side at `size` pixels, mirrored or black beyond its borders, (size, size, 3).

    Padded before it is resized only as far as the pixels on its border reach: a picture of 20,000 x 100 is read, too.
    """
    view = window(*image.size, PAD)
    spans = (view.rows, view.columns)
    beside = [int(span.padding(size)) for span in spans]
    reach = [-span.start - n * span.length / size for span, n in zip(spans, beside, strict=True)]
    more = [math.ceil(length) for length in reach]
    mode: Literal["symmetric", "constant"] = "symmetric" if mirrored else "constant"
    pixels = np.pad(np.asarray(image), [*((n, n) for n in more), (0, 0)], mode)
    (top, left), (high, wide) = ((m - r for m, r in zip(more, reach, strict=True)), (size - 2 * n for n in beside))
    box = (left, top, pixels.shape[1] - left, pixels.shape[0] - top)
    resized = Image.fromarray(pixels).resize((wide, high), Image.Resampling.BILINEAR, box)
    padded: NDArray[np.uint8] = np.pad(np.asarray(resized), [*((n, n) for n in beside), (0, 0)], mode)
    return padded


def own_classes(logits: Tensor, width: int, height: int, fit: str) -> Tensor:
    """The likeliest classes (..., height, width) uint8 of a picture, read into a square, by its logits (..., K, S, S).

    Its part of the square is resized bilinearly once; `IGNORE` stands where the square shows nothing of the picture.
    """
    view, (*heads, classes, _, size) = window(width, height, fit), logits.shape
    found = torch.full((*heads, height, width), IGNORE, dtype=torch.uint8, device=logits.device)
    x, y = (
        span.places(torch.arange(span.seen.start, span.seen.stop, device=logits.device), size)
        for span in (view.columns, view.rows)
    )
    rows, columns = (slice(span.seen.start, span.seen.stop) for span in (view.rows, view.columns))
    seen, planes = found[..., rows, columns], logits.reshape(1, -1, size, size).float()
    step = max(1, PIXELS_AT_ONCE // (math.prod(heads) * len(x)))
    for into, part in zip(seen.split(step, dim=-2), y.split(step), strict=True):
        grid = torch.stack([x.expand(len(part), -1), part[:, None].expand(-1, len(x))], -1)
        drawn = F.grid_sample(planes, grid[None].float(), padding_mode="border", align_corners=False)
        # As `argmax` does, in a quarter of its time on a CPU.
        into.copy_(drawn.view(*heads, classes, *drawn.shape[-2:]).max(-3).indices)
    return found
