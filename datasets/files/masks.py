"""Reads mask files, and crops and resizes masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..dataset import DatasetError
from .images import square_box, unreadable

Value = TypeVar("Value", bound=np.generic)
Labels = NDArray[np.int64]

_INDEXED = ("1", "L", "P", "I", "I;16", "I;16B")
"""Pillow's modes in which a pixel is one integer."""


def read_labels(path: Path) -> Labels:
    """The values in a mask file, (height, width)."""
    try:
        with Image.open(path) as image:
            mode, labels = image.mode, np.asarray(image)
    except Exception as error:  # decoders raise whatever a broken file drives them into
        raise unreadable(str(path), error) from error
    if mode not in _INDEXED:
        raise DatasetError(f"{path} holds colours ({mode}) where a mask holds class numbers; save it as an index PNG")
    return labels.astype(np.int64)


def square_labels(labels: NDArray[Value], size: int) -> NDArray[Value]:
    """The largest central square of a mask at another size, each pixel from the one under its centre."""
    left, top, right, _ = square_box(labels.shape[1], labels.shape[0])
    at = (2 * np.arange(size) + 1) * (right - left) // (2 * size)
    chosen: NDArray[Any] = labels[np.ix_(top + at, left + at)]
    return chosen
