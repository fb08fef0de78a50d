"""The manifest of exported images, `export.json`: where they come from, their classes, and what is annotated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ... import one_line
from ..dataset import IGNORE, DatasetError, GeneratorIdentity

NAME = "export.json"
"""Name of the manifest in the folder of an export."""
FORMAT = 2
"""Raised when an older partbench could not read what this one writes; 1 had no hashes."""
FORMATS = ("labelme", "coco", "png")
"""Ways to annotate, each with a skeleton to start from."""
OVERLAPS = ("painter", "first")
"""Where two shapes meet: `painter` lets the later one lie on top, `first` the class that stands first in the list.

The words are those of CelebAMask-HQ, where the authors' code takes the first class of its list.
"""
BACKGROUND = "background"
"""The class of pixels under no shape; where no class is called so, they are neither trained on nor scored."""
PERSON = "a person"


@dataclass(frozen=True)
class ExportManifest:
    """The manifest of exported images."""

    images: tuple[str, ...]
    """Their names: the files are `images/NAME.png`."""
    classes: tuple[str, ...]
    kind: str = "labelme"
    """Of the skeleton that they were exported with."""
    like: str = ""
    """Dataset that they are for; '' where none was named."""
    maker: GeneratorIdentity | None = None
    """The generator that made them; None for pictures."""
    seed: int = 0
    """From which it drew them."""
    source: str = ""
    """Where they come from, in a few words."""
    annotator: str = PERSON
    overlaps: str = OVERLAPS[0]
    annotations: tuple[str, ...] = ()
    """Names of the images that have a mask, `masks/NAME.png`."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """Hashes of images and codes as they were exported, and of masks as they were imported, by the names of files."""
    oracle: Mapping[str, Any] = field(default_factory=dict)
    """Where an oracle stands in for a person: its weights, and its IoU of each class on images that it never saw."""

    @property
    def under_no_shape(self) -> int:
        """What a pixel is that no shape covers."""
        return self.classes.index(BACKGROUND) if BACKGROUND in self.classes else IGNORE

    @property
    def summary(self) -> str:
        """What they are, in a line."""
        return f"{len(self.annotations)} images of {self.source}, annotated by {self.annotator}"

    @property
    def facts(self) -> dict[str, Any]:
        """What every result says of these shots."""
        made = {"made by": self.maker.backbone, "weights": self.maker.weights} if self.maker else {}
        origin = {"shots": self.source, "annotator": self.annotator, "overlaps": self.overlaps}
        return {**origin, **made, **({"oracle": dict(self.oracle)} if self.oracle else {})}

    def as_json(self) -> str:
        """The text of the file."""
        maker = {"backbone": self.maker.backbone, "weights": self.maker.weights} if self.maker else None
        return json.dumps({"format": FORMAT} | {**vars(self), "maker": maker}, indent=1)


def read_manifest(folder: Path) -> ExportManifest:
    """The manifest of a folder that `partbench annotate export` wrote."""
    path = folder / NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("format")
    except FileNotFoundError:
        mend = "name a folder that partbench annotate export wrote"
        raise DatasetError(f"{folder} has no {NAME}; {mend}") from None
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise damaged(path, error) from None
    if version not in range(1, FORMAT + 1):
        fact = f"{path} has format {version}, and this partbench reads up to {FORMAT}"
        raise DatasetError(f"{fact}; use the one that wrote it")
    try:
        maker = content.pop("maker")
        content |= {key: tuple(map(str, content[key])) for key in ("images", "classes", "annotations")}
        return ExportManifest(**content, maker=GeneratorIdentity(**maker) if maker else None)
    except (KeyError, TypeError, AttributeError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> DatasetError:
    """The error that names a file of an export that cannot be read."""
    reason = one_line(error)
    return DatasetError(f"{path} is damaged ({reason}); export the images again")


def check_class_list(classes: tuple[str, ...]) -> None:
    """Refuse a list of classes that no mask could hold."""
    twice = next((name for name in classes if classes.count(name) > 1), None)
    if not classes or not all(classes) or twice is not None:
        what = f"'{twice}' twice" if twice else "an empty name" if classes else "no name"
        raise DatasetError(f"--classes has {what}; name each class once, as background,eye,nose")
    if len(classes) > IGNORE:
        raise DatasetError(f"--classes names {len(classes)} classes; {IGNORE} is the most that a mask can hold")
