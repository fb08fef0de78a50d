"""`hf-hub:USER/REPO/FILE.safetensors`: weights from the Hugging Face hub, from its cache where they are there.

A branch, tag or commit follows the repository, as `hf-hub:user/repo@v1/faces.safetensors`. What is in the cache is used
without asking the hub, so that a name keeps its meaning; which commit that is stands in every result.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..backbone import BackboneError

HUB = "hf-hub:"
_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^/@]+))?"
_PLACE = re.compile(_REPO + r"/(?P<file>[^@]+)")


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
    path = _cached(place["repo"], place["file"], place["revision"], weights)
    return Fetched(path, _commit(path, place["file"]))


def cached(repo: str, file: str, revision: str | None = None) -> Path | None:
    """A file of a repository, where the cache has it; nothing is fetched."""
    # Imported late, because listing must stay quick.
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, file, revision=revision)
    return Path(found) if isinstance(found, str) else None


def _cached(repo: str, file: str, revision: str | None, name: str) -> Path:
    """A file of a repository on this machine, downloaded if it is not in the cache; `name` is what asks for it."""
    # Imported late, because naming a backbone must stay quick.
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        try:
            return Path(hf_hub_download(repo, file, revision=revision, local_files_only=True))
        except LocalEntryNotFoundError:
            return Path(hf_hub_download(repo, file, revision=revision))
    except Exception as error:  # an HTTP client raises errors of its own
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        fact = f"{name} is neither in the cache nor to be had ({reason})"
        raise BackboneError(f"{fact}; check the name and go online once, or name a file of yours behind '@'") from error


def _commit(path: Path, file: str) -> str:
    """The commit in the path of a cached file, .../snapshots/COMMIT/FILE."""
    return path.parents[file.count("/")].name


@dataclass(frozen=True)
class Repository:
    """A repository of the hub at one commit, of which files are fetched as they are asked for."""

    name: str
    """`hf-hub:USER/REPO[@REVISION]`."""
    repo: str
    commit: str
    folder: Path
    """Where its files lie in the cache."""

    @classmethod
    def open(cls, name: str, landmarks: Sequence[str]) -> Repository:
        """The repository of this name, at the commit that the first of the landmarks that it has is from."""
        place = re.fullmatch(_REPO, name.removeprefix(HUB))
        if place is None:
            raise BackboneError(
                f"{name} names no repository of the hub; write {HUB}USER/REPO or {HUB}USER/REPO@REVISION"
            )
        for index, file in enumerate(landmarks):
            try:
                path = _cached(place["repo"], file, place["revision"], name)
            except BackboneError:
                if index == len(landmarks) - 1:
                    raise
            else:
                return cls(name, place["repo"], _commit(path, file), path.parents[file.count("/")])
        raise AssertionError("there is at least one landmark")

    def file(self, name: str) -> Path | None:
        """A file on this machine; None if it is neither in the cache nor to be had, be it that there is none."""
        try:
            return _cached(self.repo, name, self.commit, f"{self.name}/{name}")
        except BackboneError:
            return None


def is_here(weights: str) -> bool:
    """Whether the cache has the file behind `hf-hub:USER/REPO[@REVISION]/FILE`, or something of a repository."""
    name = weights.removeprefix(HUB)
    if place := _PLACE.fullmatch(name):
        return cached(place["repo"], place["file"], place["revision"]) is not None
    place = re.fullmatch(_REPO, name)
    return place is not None and _repository(place["repo"]).is_dir()


def snapshot(repo: str, commit: str) -> Path:
    """Where the cache has the files of a repository at a commit."""
    return _repository(repo) / "snapshots" / commit


def restore(repo: str, revision: str, commit: str, files: Mapping[str, Path]) -> None:
    """Have files of a commit in the cache, as if they had been fetched; what is there stays as it is."""
    for name, file in files.items():
        there = snapshot(repo, commit) / name
        if not there.exists():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, there.with_name(f"{there.name}.part"))
            there.with_name(f"{there.name}.part").replace(there)
    reference = _repository(repo) / "refs" / revision
    if revision != commit and not reference.exists():
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(commit)


def _repository(repo: str) -> Path:
    """Where the cache has a repository."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"
