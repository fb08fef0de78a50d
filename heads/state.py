"""The state of a head, by which it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from .. import one_line
from .head import HeadError


def give_state(module: nn.Module, name: str, state: Mapping[str, Any]) -> None:
    """Have a head that is built anew be the one whose state it is; `HeadError` with its name if it cannot."""
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        what = f"{name}, built anew, does not take its state ({one_line(error)})"
        raise HeadError(f"{what}; make all its parameters and buffers when it is built") from error
