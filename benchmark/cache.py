"""The cache folder of this machine."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(what: str = "codes") -> Path:
    """Where codes, or `checks`, are kept: in $PARTBENCH_CACHE, else in `partbench` below the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("PARTBENCH_CACHE") or Path(base) / "partbench") / what
