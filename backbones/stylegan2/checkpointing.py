"""Gradient checkpointing: recomputes activations to save memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

_CHECKPOINTING = ContextVar("thrifty", default=False)


@contextmanager
def checkpointing(wanted: bool) -> Iterator[None]:
    """Within it, `checkpointed` holds what goes into a stage and nothing of what happens inside."""
    token = _CHECKPOINTING.set(wanted)
    try:
        yield
    finally:
        _CHECKPOINTING.reset(token)


def is_checkpointing() -> bool:
    """Whether this is within `checkpointing(True)`."""
    return _CHECKPOINTING.get()


def checkpointed(work: Callable[..., Any], *inputs: Any) -> Any:
    """`work(*inputs)`, a stage of a network that draws no random numbers: the same bits, and the same gradients."""
    if not (is_checkpointing() and torch.is_grad_enabled()):
        return work(*inputs)
    return checkpoint(work, *inputs, use_reentrant=False, preserve_rng_state=False)
