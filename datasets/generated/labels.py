"""Shared by the annotation readers: image names, class labels and results."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from ..dataset import IGNORE, DatasetError
from ..files.decoding import upright_size
from ..files.hints import enumeration, hint
from ..files.masks import Labels
from .manifest import ExportManifest
from .rasters import Shape, paint
from .split import image_file

BACKGROUND_LABEL, IGNORE_LABEL = "_background_", "__ignore__"
"""Labels that labelme's own label files begin with."""
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)
"""What a file drives its reader into that is not as its format says."""

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # Label Studio puts this before the name of a file that is uploaded


@dataclass
class FoundAnnotations:
    """Masks by the name of their image, and warnings."""

    masks: dict[str, Labels] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AnnotationReader:
    """Reads the annotations of an export."""

    folder: Path
    manifest: ExportManifest
    overlaps: str
    """`painter` or `first`, see `manifest.OVERLAPS`."""
    thick: float = 1.0
    """Of a line, pixels."""

    def stem(self, file_name: str, where: str) -> str:
        """The exported image that a file name means, whatever folder stands before it."""
        stem = PureWindowsPath(file_name).stem  # reads both kinds of slash
        for name in (stem, _UPLOADED.sub("", stem)):
            if name in self.manifest.images:
                return name
        there = enumeration(self.manifest.images, most=3)
        raise DatasetError(f"{where} is of '{file_name}', which {self.folder} has not ({there}); annotate these images")

    def size(self, stem: str, stated: tuple[Any, Any], where: str) -> tuple[int, int]:
        """Height and width of an image, if the annotation says the same."""
        width, height = upright_size(image_file(self.folder, stem))
        if stated != (height, width):
            other = f"{stated[1]}x{stated[0]}"
            fact = f"{where} is of {other} pixels and {image_file(self.folder, stem)} has {width}x{height}"
            raise DatasetError(f"{fact}; annotate the exported image at its own size")
        return height, width

    def label(self, name: object, where: str) -> int:
        """The class index of a label."""
        if name == BACKGROUND_LABEL:
            return self.manifest.under_no_shape
        if name == IGNORE_LABEL:
            return IGNORE
        if name not in self.manifest.classes:
            raise DatasetError(f"{where} has the label '{name}': {hint(str(name), self.manifest.classes)}")
        return self.manifest.classes.index(str(name))

    def paint(self, shapes: Sequence[Shape], size: tuple[int, int]) -> Labels:
        """The mask (height, width) of shapes in the order in which they were drawn."""
        under = self.manifest.under_no_shape
        return paint(shapes, under, self.overlaps, under, size)

    def lacking(self, found: FoundAnnotations) -> FoundAnnotations:
        """The same with a warning for images that have no annotation."""
        bare = [stem for stem in self.manifest.images if stem not in found.masks]
        if bare and found.masks:
            total = len(self.manifest.images)
            found.warnings.append(f"{len(bare)} of {total} images have no annotation and stay out: {enumeration(bare)}")
        return found


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if not isinstance(content, dict):
        raise unreadable(path, TypeError(f"it holds a {type(content).__name__}"))
    return content


def unreadable(path: Path, error: Exception) -> DatasetError:
    """The error that names an annotation file that is not as its format says."""
    message = " ".join(str(error).split())
    reason = f"no {message}" if isinstance(error, KeyError) else message
    return DatasetError(f"{path} cannot be read ({reason or type(error).__name__}); save it again from the tool")


def finite(points: object) -> list[tuple[float, float]]:
    """Corners (x, y); a ValueError if they are no numbers."""
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise ValueError("a shape without pairs of numbers")
    return [(float(x), float(y)) for x, y in array]
