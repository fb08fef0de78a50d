"""Names and texts of a run as a board may have them: without a path of the machine that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ...backbones.controls.wrappers import plain_name
from ..plan import HIDDEN
from .drawn import is_drawn
from .layout import ABSOLUTE, BoardError

HUB = "hf-hub:"
"""How weights begin that lie on the hub, whose name everybody can follow."""
LOCAL = (":", "/", "\\", "~")
"""What the name of a dataset has whose images lie in a folder of the submitter's."""


@dataclass(frozen=True)
class Names:
    """What the submitter calls what a run calls by a path."""

    dataset: str = ""
    backbones: Mapping[str, str] = field(default_factory=dict)
    """New names by old ones."""

    def __post_init__(self) -> None:
        if any(mark in self.dataset for mark in LOCAL):
            raise BoardError(f"--dataset-name {self.dataset!r} is a path; give it a name, as my-cats")
        if self.dataset and is_drawn(self.dataset):
            what = f"--dataset-name {self.dataset!r} is what partbench calls images that it draws"
            raise BoardError(f"{what}; give it another name, as my-cats")

    def dataset_of(self, name: str) -> str:
        """The dataset's name on the board."""
        if not self.dataset and any(mark in name for mark in LOCAL):
            mend = "say what the board shall call it, as --dataset-name my-cats"
            raise BoardError(f"the dataset {name!r} is a place on your machine; {mend}")
        return self.dataset or name

    def backbone_of(self, name: str) -> str:
        """A backbone's name on the board."""
        new = self.backbones.get(name, name)
        weights = plain_name(new).partition("@")[2]
        local = "/" in weights or "\\" in weights or weights.endswith((".safetensors", ".pt", ".pth", ".ckpt"))
        if (local and not weights.startswith(HUB)) or ABSOLUTE.search(new):
            mend = f"say what the board shall call it, as --name '{name}={name.partition('@')[0]}@mine'"
            raise BoardError(f"the backbone {new!r} names a file of yours; {mend}")
        return new

    def words(self, datasets: Iterable[str], backbones: Iterable[str]) -> dict[str, str]:
        """What stands for what in texts, the longest first."""
        pairs = {name: self.dataset_of(name) for name in datasets} | {
            name: self.backbone_of(name) for name in backbones
        }
        changed = {old: new for old, new in pairs.items() if old != new}
        return dict(sorted(changed.items(), key=lambda pair: -len(pair[0])))


def tidy(value: Any, words: Mapping[str, str]) -> Any:
    """A JSON value whose texts have new names, the last part of paths, and no letter that no terminal shows."""
    if isinstance(value, Mapping):
        return {tidy(str(key), words): tidy(one, words) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidy(one, words) for one in value]
    if not isinstance(value, str):
        return value
    for old, new in words.items():
        value = value.replace(old, new)
    return HIDDEN.sub(" ", ABSOLUTE.sub(lambda path: _last(path[0]), value))


def _last(path: str) -> str:
    return PureWindowsPath(path).name if "\\" in path else PurePosixPath(path).name
