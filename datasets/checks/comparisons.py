"""Comparisons that the dataset checks make on images and masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from ..dataset import DatasetError

if TYPE_CHECKING:
    from torch import Tensor

    _Reader = Callable[[list[int], int], Tensor]

SIZES = (32, 64)
"""Sides, in pixels, at which images and masks are read."""

_TOLERANCE = 0.2


def values_of(masks: Tensor) -> set[int]:
    """Every number that stands in masks."""
    return set(masks.flatten().tolist())


def require_shape(where: str, values: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Refuse another shape or kind of number."""
    if tuple(values.shape) != shape or values.dtype != dtype:
        raise DatasetError(f"{where} are {tuple(values.shape)} {values.dtype}; make them {shape} {dtype}")


def require_equal(what: str, read: _Reader, read_again: _Reader, indices: list[int]) -> None:
    """Refuse what is not the same when it is read again, one by one and in another order."""
    alone = torch.cat([read_again([index], SIZES[0]) for index in reversed(indices)]).flip(0)
    if not torch.equal(read(indices, SIZES[0]), alone):
        raise DatasetError(f"{what} differ when read again; let them depend on the index and the size alone")


def require_close(what: str, small: Tensor, large: Tensor) -> None:
    """Refuse two sizes of images, averaged to the same cells (N, 3, c, c), that show another picture."""
    if (small - large).abs().sum(1).mean() > _TOLERANCE:  # averaged over images and cells, summed over channels
        raise sizes_differ(what)


def sizes_differ(what: str) -> DatasetError:
    """The error for two sizes that do not show the same."""
    mend = "crop, place and draw alike whatever the size"
    return DatasetError(f"{what} show something else at {SIZES[0]} pixels than at {SIZES[1]}; {mend}")
