"""`hf-hub:USER/REPO/FILE.safetensors`: weights from the Hugging Face hub, from its cache where they are there.

A branch, tag or commit follows the repository, as `hf-hub:user/repo@v1/faces.safetensors`. What is in the cache is used
without asking the hub, so that a name keeps its meaning; which commit that is stands in every result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..backbone import BackboneError

HUB = "hf-hub:"
_PLACE = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^/@]+))?/(?P<file>[^@]+)")


@dataclass(frozen=True)
class Fetched:
    """A file of the hub on this machine."""

    path: Path
    commit: str
    """The commit of the repository that it is from."""


def on_hub(weights: str) -> bool:
    """Whether these weights are named as on the hub, and not as a file."""
    return weights.startswith(HUB)


def fetch(weights: str) -> Fetched:
    """The file behind `hf-hub:USER/REPO[@REVISION]/FILE.safetensors`, downloaded if it is not in the cache."""
    place = _PLACE.fullmatch(weights.removeprefix(HUB))
    if place is None:
        raise BackboneError(f"{weights} names no file of the hub; write {HUB}USER/REPO/FILE.safetensors")
    if not place["file"].endswith(".safetensors"):
        mend = "download it and make it ours with partbench convert, which runs no code of it"
        raise BackboneError(f"{weights} is no .safetensors file; {mend}")
    # Imported late, because naming a backbone must stay quick.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    repo, file, revision = place["repo"], place["file"], place["revision"]
    try:
        try:
            path = hf_hub_download(repo, file, revision=revision, local_files_only=True)
        except LocalEntryNotFoundError:
            path = hf_hub_download(repo, file, revision=revision)
    except Exception as error:  # an HTTP client raises errors of its own
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        fact = f"{weights} is neither in the cache nor to be had ({reason})"
        raise BackboneError(f"{fact}; check the name and go online once, or name a file of yours behind '@'") from error
    return Fetched(Path(path), _commit(Path(path), place["file"]))


def _commit(path: Path, file: str) -> str:
    """The commit in the path of a cached file, .../snapshots/COMMIT/FILE."""
    return path.parents[file.count("/")].name
