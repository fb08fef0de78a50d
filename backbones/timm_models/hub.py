"""Where timm keeps the weights that it fetches from the Hugging Face hub, and which commit of them is here."""

from __future__ import annotations

from pathlib import Path

from ..weights.hub import cached as of_repository

FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of a weights file on the hub, in the order in which timm looks for them."""


def cached(repository: str, file: str = "") -> Path | None:
    """The weights file of a repository in the hub's cache, where it is there; nothing is fetched."""
    repository, _, revision = repository.partition("@")
    found = (of_repository(repository, name, revision or None) for name in ((file,) if file else FILES))
    return next(filter(None, found), None)


def origin(repository: str, file: str = "") -> str:
    """A repository of the hub, and the commit of it that is in the cache; of another place nothing."""
    path = cached(repository, file) if repository else None
    # .../snapshots/COMMIT/FILE
    commit = path.parts[path.parts.index("snapshots") + 1] if path and "snapshots" in path.parts else ""
    return repository and f"hf-hub:{repository}" + (f" at commit {commit}" if commit else "")
