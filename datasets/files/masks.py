"""Reads mask files, and makes masks square."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ImageOps
from torch import Tensor

from ..dataset import CROP, IGNORE, DatasetError
from .decoding import laid_on, open_picture
from .fit import window

Value = TypeVar("Value", bound=np.generic)
Item = TypeVar("Item")
Labels = NDArray[np.int64]

_GREY = ("1", "L", "I", "I;16", "I;16B")
"""Pillow's modes in which a pixel is one number of grey."""
_SPREAD = {"L;2": 85, "L;4": 17}
"""What Pillow multiplies the numbers of a grey PNG of few bits by, so that 3 of 2 bits would become 255."""


def read_labels(path: Path) -> Labels:
    """The values in a mask file, (height, width), upright as its EXIF says."""
    with open_picture(path, str(path)) as image:
        if image.format != "PNG":
            fact = f"{path} is a {image.format} inside, which may blur class numbers or renumber them"
            raise DatasetError(f"{fact}; save the mask as an index PNG")
        if image.mode not in (*_GREY, "P"):
            fact = f"{path} holds colours ({image.mode}) where a mask holds class numbers"
            raise DatasetError(f"{fact}; save it as an index PNG")
        step = _SPREAD.get(str(image.tile[0][3]), 1)
        return np.asarray(ImageOps.exif_transpose(image)).astype(np.int64) // step


def read_lit(path: Path) -> NDArray[np.bool_]:
    """Where the file of a single part shows anything but black, (height, width), upright as its EXIF says."""
    with open_picture(path, str(path)) as image:
        upright = ImageOps.exif_transpose(image)
        pixels = np.asarray(upright if upright.mode in _GREY else laid_on(upright, "black"))
    lit: NDArray[np.bool_] = np.any(pixels.reshape(*pixels.shape[:2], -1), axis=2)
    return lit


def square_labels(labels: NDArray[Value], size: int, fit: str = CROP) -> NDArray[Value]:
    """A mask as a square of another size, each pixel from the one under its centre, or `IGNORE` where there is none."""
    height, width = labels.shape
    view = window(width, height, fit)
    rows, columns = (np.array(span.pixel_centres(size)) for span in (view.rows, view.columns))
    chosen: NDArray[Any] = labels[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))]
    chosen[(rows < 0) | (rows >= height)] = IGNORE
    chosen[:, (columns < 0) | (columns >= width)] = IGNORE
    return chosen


def square_masks(read: Callable[[Item], NDArray[Any]], items: Sequence[Item], size: int, fit: str = CROP) -> Tensor:
    """The masks that are read of some items as squares, (N, size, size) int64; see `square_labels`."""
    masks = torch.empty(len(items), size, size, dtype=torch.int64)
    for row, item in enumerate(items):
        masks[row] = torch.from_numpy(square_labels(read(item), size, fit))
    return masks
