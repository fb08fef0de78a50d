"""Index PNGs: masks whose values are class indices, painted over in any program that keeps a palette."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from ..dataset import IGNORE, DatasetError
from ..files.hints import enumeration
from ..files.masks import Labels, read_labels
from .labels import AnnotationReader, FoundAnnotations

Colours = Sequence[Sequence[int]]
"""Red, green and blue of each class, 0 to 255."""


def as_png(labels: Labels, colours: Colours) -> bytes:
    """A mask (height, width) of class indices as an index PNG that shows them in these colours."""
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    palette[IGNORE] = (255, 255, 255)
    image = Image.fromarray(labels.astype(np.uint8), "L")
    image.putpalette(palette.tobytes())
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def read_painted(place: Path, reading: AnnotationReader) -> FoundAnnotations:
    """The masks in a folder; one that is as blank as it was exported is no annotation."""
    files = sorted(place.glob("*.png"))
    if not files:
        raise DatasetError(f"{place} holds no .png; save the painted masks there")
    found = FoundAnnotations()
    for file in files:
        stem, labels = reading.stem(file.name, str(file)), read_labels(file)
        reading.size(stem, labels.shape, str(file))
        values = np.unique(labels).tolist()
        strange = [value for value in values if value != IGNORE and not 0 <= value < len(reading.manifest.classes)]
        if strange:
            most = len(reading.manifest.classes) - 1
            what = f"{file} holds {enumeration(strange)}, which is no class"
            raise DatasetError(f"{what}; paint with 0 to {most}, or {IGNORE} for what is not to be scored")
        if values != [reading.manifest.under_no_shape]:
            found.masks[stem] = labels
    return reading.lacking(found)
