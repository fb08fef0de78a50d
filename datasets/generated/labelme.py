"""labelme: one JSON file beside every image, with its shapes in the order in which they were drawn."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..dataset import DatasetError
from .labels import (
    BACKGROUND_LABEL,
    IGNORE_LABEL,
    UNREADABLE,
    AnnotationReader,
    FoundAnnotations,
    finite,
    read_object,
    unreadable,
)
from .manifest import BACKGROUND, ExportManifest
from .rasters import Mask, disc, polygon, rectangle, stroke

VERSION = "5.5.0"
"""Of the format that the skeletons have; labelme warns of files from another major version."""
LEAST = {"polygon": 3, "rectangle": 2, "oriented_rectangle": 4, "circle": 2, "line": 2, "linestrip": 2, "mask": 2}
"""The shapes that have an area, or as a line a thickness, and the points that they need at least."""


def skeleton(stem: str, width: int, height: int) -> str:
    """The file of an image on which nothing is drawn yet."""
    record: dict[str, Any] = {
        "version": VERSION,
        "flags": {},
        "shapes": [],
        "imagePath": f"{stem}.png",
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
    return json.dumps(record, indent=2)


def label_file(manifest: ExportManifest) -> str:
    """The text of `labels.txt`, for `labelme --labels`: what may be chosen, one a line."""
    classes = [BACKGROUND_LABEL if name == BACKGROUND else name for name in manifest.classes]
    return "\n".join([IGNORE_LABEL, *sorted(classes, key=lambda name: name != BACKGROUND_LABEL)]) + "\n"


def read_labelme(place: Path, reading: AnnotationReader) -> FoundAnnotations:
    """The masks of all JSON files in a folder."""
    files = sorted(place.glob("*.json"))
    if not files:
        raise DatasetError(f"{place} holds no .json of labelme; save the annotations there")
    found = FoundAnnotations()
    for file in files:
        _read(file, reading, found)
    return reading.lacking(found)


def _read(file: Path, reading: AnnotationReader, found: FoundAnnotations) -> None:
    """Add the mask of one file, unless nothing is drawn in it."""
    content = read_object(file)
    try:
        path, stated_size, shapes = (
            content["imagePath"],
            (content["imageHeight"], content["imageWidth"]),
            content["shapes"],
        )
        stem = reading.stem(str(path), str(file))
        size = reading.size(stem, stated_size, str(file))
        drawn = [(reading.label(shape["label"], str(file)), _mask(shape, reading, file, size)) for shape in shapes]
    except DatasetError:
        raise
    except UNREADABLE as error:
        raise unreadable(file, error) from None
    if stem in found.masks:
        raise DatasetError(f"{file} is a second annotation of {stem}.png; take one of them out")
    if drawn:
        found.masks[stem] = reading.paint(drawn, size)


def _mask(shape: Mapping[str, Any], reading: AnnotationReader, file: Path, size: tuple[int, int]) -> Mask:
    """The pixels (height, width) of one shape."""
    kind, points = shape["shape_type"], finite(shape["points"])
    what = f"{file} has a {kind} '{shape['label']}'"
    if kind not in LEAST:
        raise DatasetError(f"{what}, which has no area; draw a polygon, rectangle, circle, line or mask")
    if len(points) < LEAST[kind]:
        raise DatasetError(f"{what} of {len(points)} points; give it {LEAST[kind]} or more")
    if kind == "circle":
        return disc(points[0], points[1], *size)
    if kind == "mask":
        return _brushed(shape["mask"], points, size)
    if kind in ("line", "linestrip"):
        return stroke(points, reading.thick, *size)
    return (rectangle if kind == "rectangle" else polygon)(points, *size)


def _brushed(text: str, points: list[tuple[float, float]], size: tuple[int, int]) -> Mask:
    """A mask of labelme's AI tools: a PNG in base64 whose first pixel lies at the first of two corners."""
    with Image.open(BytesIO(base64.b64decode(text, validate=True))) as image:
        part = np.asarray(image.convert("L")) > 0
    mask = np.zeros(size, bool)
    left, top = (max(0, round(value)) for value in points[0])
    room = mask[top : top + part.shape[0], left : left + part.shape[1]]
    room |= part[: room.shape[0], : room.shape[1]]
    return mask
