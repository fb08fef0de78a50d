"""AnyUp (Wimmer et al. 2025): maps of any network enlarged by attention that the image guides; `NAME+anyup`.

Its weights are the authors', CC BY 4.0: of a file (`NAME+anyup@FILE`), or the checkpoint that was trained on the maps
of several networks, from torch.hub's cache, where `torch.hub.load("wimmerth/anyup", "anyup_multi_backbone")` leaves it.
"""

from __future__ import annotations

import os
import shutil
import urllib.request
from pathlib import Path

from ..backbone import BackboneError

CHECKPOINT = "https://github.com/wimmerth/anyup/releases/download/checkpoint_v2/anyup_multi_backbone.pth"
LICENCE = "CC BY 4.0"


def find_weights(file: str) -> tuple[Path, str]:
    """The weights file, which may have to be fetched, and where it is from; torch is not needed for it."""
    if file:
        if not Path(file).is_file():
            raise BackboneError(f"there is no weights file {file} of AnyUp; check the name behind '+anyup@'")
        return Path(file), f"AnyUp of {Path(file).name}"
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torch"
    path = Path(home) / "hub" / "checkpoints" / CHECKPOINT.rpartition("/")[2]
    if not path.is_file():
        _download(path)
    return path, f"AnyUp of {CHECKPOINT} ({LICENCE})"


def _download(path: Path) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(CHECKPOINT, timeout=30) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        what = f"AnyUp's weights are neither at {path} nor to be had from {CHECKPOINT} ({error})"
        raise BackboneError(f"{what}; go online once, or name a file of them with +anyup@FILE") from error
