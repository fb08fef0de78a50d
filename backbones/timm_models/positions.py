"""Weights of a model of timm under other names than timm's, matched by their order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import timm
from torch import Tensor

from ..backbone import BackboneError
from ..weights.safe_unpickling import read_tensors
from .features import classifier_of, weightless


def read_in_order(path: Path, model: str) -> dict[str, Tensor]:
    """The tensors of a state dict under the names of timm's, without the classifier."""
    content, ours = read_tensors(path), weightless(lambda: timm.create_model(model)).state_dict()
    theirs = content if isinstance(content, dict) else {}
    if _kinds(theirs) != _kinds(ours):
        what = f"{path} has {len(theirs)} tensors that are not, one by one, the {len(ours)} of {model}"
        raise BackboneError(f"{what}; install another version of its package")
    dropped = classifier_of(model)
    return {name: value for name, value in zip(ours, theirs.values(), strict=True) if name not in dropped}


def _kinds(state: Mapping[str, object]) -> list[tuple[str, tuple[int, ...] | None]]:
    """Of each tensor in order what it is, as `running_mean`, and its shape: neighbours differ in one of them."""
    return [
        (name.rpartition(".")[2], tuple(value.shape) if isinstance(value, Tensor) else None)
        for name, value in state.items()
    ]
