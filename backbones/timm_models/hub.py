"""Where timm keeps the weights that it fetches from the Hugging Face hub, and which commit of them is here."""

from __future__ import annotations

from pathlib import Path

FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of a weights file on the hub, in the order in which timm looks for them."""


def cached(repository: str, file: str = "") -> Path | None:
    """The weights file of a repository in the hub's cache, where it is there; nothing is fetched."""
    # Imported late, because listing must stay quick.
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = repository.partition("@")
    for name in (file,) if file else FILES:
        found = try_to_load_from_cache(repository, name, revision=revision or None)
        if isinstance(found, str):
            return Path(found)
    return None


def origin(repository: str, file: str = "") -> str:
    """A repository of the hub, and the commit of it that is in the cache; of another place nothing."""
    path = cached(repository, file) if repository else None
    # .../snapshots/COMMIT/FILE
    commit = path.parts[path.parts.index("snapshots") + 1] if path and "snapshots" in path.parts else ""
    return repository and f"hf-hub:{repository}" + (f" at commit {commit}" if commit else "")
