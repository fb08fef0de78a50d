"""Weights that Keras 3 has saved (`.weights.h5`), as tensors of torch's names and order; an HDF5 file runs no code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import one_line
from ..backbone import BackboneError
from ..packages import MEND

if TYPE_CHECKING:
    from torch import Tensor

MAGIC = b"\x89HDF\r\n\x1a\n"
"""How an HDF5 file begins."""
_PARAMETERS = {"vars/0": "weight", "vars/1": "bias"}
"""The variables of a layer, in the order in which Keras counts those of a convolution."""


def is_keras(path: Path) -> bool:
    """Whether a file is HDF5, whatever its name."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:  # whoever reads it next says why
        return False


def read_keras(path: Path) -> dict[str, Tensor]:
    """The numbers of every layer, as `block1/layers/conv2d.weight`; kernels (h, w, in, out) as (out, in, h, w)."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise BackboneError(f"{path} is HDF5, and h5py, which reads it, is not installed; {MEND}") from None
    found: dict[str, Tensor] = {}

    def take(name: str, item: Any) -> None:
        layer, _, variable = name.partition("/vars/")
        if isinstance(item, h5py.Dataset) and (parameter := _PARAMETERS.get(f"vars/{variable}")):
            found[f"{layer}.{parameter}"] = _tensor(name, item)

    try:
        with h5py.File(path) as file:
            file.visititems(take)  # which follows no link to another file
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise BackboneError(f"{path} cannot be read as HDF5 ({one_line(error)}); download it again") from None
    return found


def _tensor(name: str, item: Any) -> Tensor:
    """The numbers of a dataset, which stand in the file itself, as many as it says."""
    import torch

    stored = not item.is_virtual and item.external is None and item.id.get_storage_size() == item.nbytes
    if not stored or item.dtype.kind != "f":
        raise ValueError(f"{name} is no array of fractions that the file itself holds")
    value = torch.from_numpy(item[()]).float()
    return value.permute(3, 2, 0, 1).contiguous() if value.ndim == 4 else value
