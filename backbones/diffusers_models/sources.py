"""Where networks of diffusers lie: a folder that `save_pretrained` wrote, or a repository of the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..backbone import BackboneError
from ..weights.hub import Repository, on_hub

CONFIG, README = "config.json", "README.md"
WEIGHTS, TEXT_WEIGHTS = "diffusion_pytorch_model.safetensors", "model.safetensors"
MEND = "name what save_pretrained of a pipeline or of a model wrote"


@dataclass(frozen=True)
class Source:
    """A pipeline or a model, in a folder or on the hub."""

    name: str
    folder: Path
    """Where it lies, or what is fetched of it."""
    repository: Repository | None = None

    def file(self, name: str) -> Path | None:
        """A file of it on this machine, fetched from the hub if it is not here; None if there is none."""
        if self.repository:
            return self.repository.file(name)
        return self.folder / name if (self.folder / name).is_file() else None

    def part(self, part: str) -> str:
        """Where a network lies: in a folder of a pipeline, as `unet/`, or at the top as `''`."""
        for place in (f"{part}/", ""):
            if self.file(place + CONFIG):
                return place
        raise BackboneError(f"{self.name} holds no network of diffusers ({part}/{CONFIG} or {CONFIG}); {self.mend}")

    def config(self, place: str, name: str = CONFIG) -> Mapping[str, Any]:
        """What a file of settings says."""
        file = self.file(place + name)
        if file is None:
            raise BackboneError(f"{self.name} has no {place}{name}; {self.mend}")
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BackboneError(f"{file} is no JSON ({error}); save it again") from None
        if not isinstance(found, dict):
            raise BackboneError(f"{file} holds no settings of a network; save it again")
        return found

    def weights(self, place: str, name: str = WEIGHTS) -> tuple[Path, ...]:
        """The files of a network's weights: one, or as many as its index lists; a pickle is none."""
        if whole := self.file(place + name):
            return (whole,)
        if self.file(f"{place}{name}.index.json"):
            listed = sorted(set(self.config(place, f"{name}.index.json")["weight_map"].values()))
            found = tuple(filter(None, (self.file(place + part) for part in listed)))
            if len(found) == len(listed):
                return found
            raise BackboneError(f"{self.name} lacks some of the {len(listed)} files of {place}{name}; save it again")
        what = f"{self.name} holds no {place}{name}, and a pickle is not read"
        mend = "go online once" if self.repository else "save it again with safe_serialization=True"
        raise BackboneError(f"{what}; {mend}")

    @property
    def mend(self) -> str:
        """What to do where a file is missing."""
        return "name a whole pipeline, and go online once" if self.repository else f"{MEND}, or a whole pipeline"

    @property
    def origin(self) -> str:
        """Its licence, and of the hub the repository and commit, as they stand in every result."""
        licence = f"licence {_licence(self.file(README))}"
        return f"{self.name} at commit {self.repository.commit}, {licence}" if self.repository else licence


def open_source(name: str) -> Source:
    """The folder of this name, or the repository behind `hf-hub:USER/REPO[@REVISION]`."""
    if on_hub(name):
        repository = Repository.open(name, [f"{part}/{CONFIG}" for part in ("unet", "vae")] + [CONFIG])
        return Source(name, repository.folder, repository)
    if not Path(name).is_dir():
        raise BackboneError(f"there is no folder {name}; {MEND}, or hf-hub:USER/REPO")
    return Source(name, Path(name))


def _licence(card: Path | None) -> str:
    """What the model card says."""
    if card is None:
        return "not stated (no README.md)"
    from huggingface_hub import metadata_load

    said: Sequence[str] | str = (metadata_load(card) or {}).get("license") or "not stated in its README.md"
    return said if isinstance(said, str) else ", ".join(said)
