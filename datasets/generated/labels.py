"""Shared by the annotation readers: image names, class labels and results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from ..dataset import IGNORE, DatasetError
from ..files.decoding import upright_size
from ..files.hints import enumeration, hint
from ..files.listing import composed
from ..files.rasters import paint
from .found import NAMED, DrawnShape, FoundAnnotations
from .manifest import ExportManifest
from .split import IMAGES, image_file

BACKGROUND_LABEL, IGNORE_LABEL = "_background_", "__ignore__"
"""Labels that labelme's own label files begin with."""
CONTENT = "partbench_image"
"""The hash of the picture that annotations were begun for, in their file: exports name images alike."""
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)
"""What a file drives its reader into that is not as its format says."""

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # Label Studio puts this before the name of a file that is uploaded


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
        # Tools keep folders, or what an export makes of them: front/p0.png may be p0 in a folder, and front-p0.
        parts = PureWindowsPath(file_name).with_suffix("").parts  # reads both kinds of slash
        words = ["-".join(parts[start:]) for start in range(len(parts))]
        meant = {composed(name) for word in words for name in (word, _UPLOADED.sub("", word))}
        found = [stem for stem in self.manifest.images if composed(stem) in meant]
        if len(found) == 1:
            return found[0]
        if found:
            which = " or ".join(f"{stem}.png" for stem in found)
            raise DatasetError(f"{where} is of '{file_name}', which may be {which}; give it a name that only one has")
        there = enumeration(self.manifest.images, most=3)
        raise DatasetError(f"{where} is of '{file_name}', which {self.folder} has not ({there}); annotate these images")

    def size(self, stem: str, stated: tuple[Any, Any], where: str) -> tuple[int, int]:
        """Height and width of an image, if the annotation says the same."""
        width, height = upright_size(image_file(self.folder, stem))
        if any(isinstance(side, bool) or not isinstance(side, int | float) for side in stated):
            fact = f"{where} has shapes and states no size in numbers (width {stated[1]!r}, height {stated[0]!r})"
            raise DatasetError(f"{fact}; write {width} and {height} there if it was annotated at that size")
        if stated != (height, width):
            other = f"{stated[1]}x{stated[0]}"
            fact = f"{where} is of {other} pixels and {image_file(self.folder, stem)} has {width}x{height}"
            raise DatasetError(f"{fact}; annotate the exported image at its own size")
        return height, width

    def check_picture(
        self, found: FoundAnnotations, stem: str, entry: Mapping[str, Any], where: str, seen: bool = False
    ) -> None:
        """Refuse shapes that were drawn on another picture of the same name; keep where nobody can tell.

        `entry` is what a file says of the picture; `seen` means that its pixels were compared.
        """
        ours, stated = self.manifest.contents.get(f"{IMAGES}/{stem}.png"), entry.get(CONTENT)
        if ours and stated and stated != ours:
            raise self.other_picture(stem, where)
        if not seen and not stated:
            found.note(NAMED, f"{stem}.png")

    def other_picture(self, stem: str, where: str) -> DatasetError:
        """The error that names shapes of another picture."""
        fact = f"{where} was drawn on another picture than {image_file(self.folder, stem)}"
        return DatasetError(f"{fact}; annotate the exported image")

    def label(self, name: object, where: str) -> int:
        """The class index of a label."""
        if name in self.manifest.classes:
            return self.manifest.classes.index(str(name))
        if name == BACKGROUND_LABEL:
            return self.manifest.under_no_shape
        if name == IGNORE_LABEL:
            return IGNORE
        raise DatasetError(f"{where} has the label '{name}': {hint(str(name), self.manifest.classes)}")

    def paint(self, found: FoundAnnotations, stem: str, shapes: Sequence[DrawnShape], size: tuple[int, int]) -> None:
        """Keep the mask of shapes in the order in which they were drawn, unless none of them has a pixel."""
        for shape in shapes:
            found.note_shape(shape)
        seen = [(shape.label, shape.mask) for shape in shapes if shape.mask.any()]
        if seen:
            under = self.manifest.under_no_shape
            found.masks[stem] = paint(seen, under, self.overlaps, under, size)

    def finish(self, found: FoundAnnotations) -> FoundAnnotations:
        """The same with what is to be said of it, and of images that have no annotation."""
        bare = [stem for stem in self.manifest.images if stem not in found.masks]
        if bare and found.masks:
            total = len(self.manifest.images)
            found.warnings.append(f"{len(bare)} of {total} images have no annotation and stay out: {enumeration(bare)}")
        found.warnings += found.said()
        return found


def finite(points: object) -> list[tuple[float, float]]:
    """Corners (x, y); a ValueError if they are no numbers."""
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise ValueError("a shape without pairs of numbers")
    return [(float(x), float(y)) for x, y in array]
