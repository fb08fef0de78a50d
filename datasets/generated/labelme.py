"""labelme: one JSON file beside every image, with its shapes in the order in which they were drawn."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..dataset import DatasetError
from ..files.decoding import decode, open_picture
from ..files.rasters import Mask, Points, around, disc, leaves, polygon, rectangle, stamp, stroke
from .found import DrawnShape, FoundAnnotations
from .kinds import read_object, unreadable
from .labels import BACKGROUND_LABEL, CONTENT, IGNORE_LABEL, UNREADABLE, AnnotationReader, finite
from .manifest import BACKGROUND, ExportManifest
from .split import image_file

VERSION = "5.5.0"
"""Of the format that the skeletons have; labelme warns of files from another major version."""
LEAST = {"polygon": 3, "rectangle": 2, "oriented_rectangle": 4, "circle": 2, "line": 2, "linestrip": 2, "mask": 2}
"""The shapes that have an area, or as a line a thickness, and the points that they need at least."""


def skeleton(stem: str, width: int, height: int, content: str) -> str:
    """The file of an image, with the hash of its content, on which nothing is drawn yet."""
    record: dict[str, Any] = {
        "version": VERSION,
        "flags": {},
        "shapes": [],
        "imagePath": f"{stem}.png",
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
        CONTENT: content,  # labelme keeps keys of others
    }
    return json.dumps(record, indent=2)


def label_file(manifest: ExportManifest) -> str:
    """The text of `labels.txt`, for `labelme --labels`: what may be chosen, one a line."""
    classes = [BACKGROUND_LABEL if name == BACKGROUND else name for name in manifest.classes]
    return "\n".join([IGNORE_LABEL, *sorted(classes, key=lambda name: name != BACKGROUND_LABEL)]) + "\n"


def read_labelme(files: Sequence[Path], reading: AnnotationReader) -> FoundAnnotations:
    """The masks of JSON files, one for each image."""
    found = FoundAnnotations()
    seen: dict[str, Path] = {}
    for file in files:
        stem = _read(file, reading, found)
        if stem in seen:
            raise DatasetError(f"{file} is a second annotation of {stem}.png after {seen[stem]}; take one of them out")
        if stem:
            seen[stem] = file
    return reading.finish(found)


def _read(file: Path, reading: AnnotationReader, found: FoundAnnotations) -> str:
    """Add the mask of one file; the image that it is of, '' where nothing is drawn."""
    content = read_object(file)
    try:
        stem, shapes = reading.stem(str(content["imagePath"]), str(file)), content["shapes"]
        if not shapes:
            return ""
        size = reading.size(stem, (content["imageHeight"], content["imageWidth"]), str(file))
        seen = _shows_picture(content, reading, stem, file)
        reading.check_picture(found, stem, content, str(file), seen)
        reading.paint(found, stem, [_shape(shape, reading, file, size) for shape in shapes], size)
    except DatasetError:
        raise
    except UNREADABLE as error:
        raise unreadable(file, error) from None
    return stem


def _shows_picture(content: Mapping[str, Any], reading: AnnotationReader, stem: str, file: Path) -> bool:
    """Whether a file has the pixels that were exported in itself; other pixels are refused."""
    ours, data = image_file(reading.folder, stem), content.get("imageData")
    theirs = _picture(data, f"{file} has imageData") if data else None
    if theirs is None or theirs.format != "PNG":
        return False
    if theirs.convert("RGB").tobytes() != decode(ours, str(ours)).tobytes():
        raise reading.other_picture(stem, str(file))
    return True


def _shape(shape: Mapping[str, Any], reading: AnnotationReader, file: Path, size: tuple[int, int]) -> DrawnShape:
    """One shape with its pixels (height, width)."""
    label = reading.label(shape["label"], str(file))
    kind, points = shape["shape_type"], finite(shape["points"])
    name = f"'{shape['label']}' of {file.name}"
    what = f"{file} has a {kind} '{shape['label']}'"
    if kind not in LEAST:
        raise DatasetError(f"{what}, which has no area; draw a polygon, rectangle, circle, line or mask")
    if len(points) < LEAST[kind]:
        raise DatasetError(f"{what} of {len(points)} points; give it {LEAST[kind]} or more")
    if kind == "mask":
        part = _brushed(shape["mask"], points, what)
        mask = stamp(part, points[0], *size)
        return DrawnShape(label, mask, name, bool(mask.sum() < part.sum()))
    mask = _outlined(kind, points, reading.thick, size)
    reach = around(points[0], points[1]) if kind == "circle" else points
    return DrawnShape(label, mask, name, leaves(reach, *size))


def _outlined(kind: str, points: Points, thick: float, size: tuple[int, int]) -> Mask:
    """The pixels of a shape that its points outline."""
    if kind == "circle":
        return disc(points[0], points[1], *size)
    if kind in ("line", "linestrip"):
        return stroke(points, thick, *size)
    return (rectangle if kind == "rectangle" else polygon)(points, *size)


def _brushed(text: str, points: Points, what: str) -> Mask:
    """A mask of labelme's AI tools: a PNG in base64 that lies between two corners."""
    part: Mask = np.asarray(_picture(text, what).convert("L")) > 0
    (left, top), (right, bottom) = points[:2]
    stated = (right - left + 1, bottom - top + 1)  # both corners are pixels of it
    if abs(stated[0] - part.shape[1]) > 1 or abs(stated[1] - part.shape[0]) > 1:
        fact = f"{what} of {part.shape[1]}x{part.shape[0]} pixels between corners {stated[0]:g}x{stated[1]:g} apart"
        raise DatasetError(f"{fact}; draw it again")
    return part


def _picture(text: str, what: str) -> Image.Image:
    """A picture in base64."""
    try:
        with open_picture(BytesIO(base64.b64decode(text, validate=True)), "its picture") as image:
            image.load()
            return image
    except (ValueError, TypeError):
        raise DatasetError(f"{what} whose picture cannot be read; save it again from the tool") from None
