"""What every reader of mask files does with them: squares at another size."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .images import square_box

Value = TypeVar("Value", bound=np.generic)


def square_labels(labels: NDArray[Value], size: int) -> NDArray[Value]:
    """The largest central square of a mask at another size, each pixel from the one under its centre."""
    left, top, right, _ = square_box(labels.shape[1], labels.shape[0])
    at = (2 * np.arange(size) + 1) * (right - left) // (2 * size)
    chosen: NDArray[Any] = labels[np.ix_(top + at, left + at)]
    return chosen
