"""A published HED, in any of its layouts, as ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..weights.published import Published
from .checkpoints import recognise as recognise_state
from .networks import FAMILY, fill


def recognise(path: Path, content: Any) -> Published | None:
    """The network of what was read of a file, None if it holds no HED."""
    found = recognise_state(content)
    if found is None:
        return None
    layout, config, state = found
    return Published(FAMILY, config, {"network": fill(path, config, state)}, {"layout": layout.name})
