"""COCO: one JSON file for all images, as CVAT and Label Studio write it: polygons and run lengths of both kinds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import DatasetError
from .labels import UNREADABLE, AnnotationReader, FoundAnnotations, finite, read_object, unreadable
from .manifest import ExportManifest
from .rasters import Mask, Shape, decode_counts, polygon, rectangle, run_lengths


def skeleton(manifest: ExportManifest, sizes: Sequence[tuple[int, int]]) -> str:
    """The file of images (width, height) on which nothing is drawn yet, for a tool to begin with."""
    images = [
        {"id": i + 1, "file_name": f"{stem}.png", "width": width, "height": height}
        for i, (stem, (width, height)) in enumerate(zip(manifest.images, sizes, strict=True))
    ]
    categories = [{"id": i + 1, "name": name, "supercategory": ""} for i, name in enumerate(manifest.classes)]
    return json.dumps({"images": images, "categories": categories, "annotations": []}, indent=1)


def read_coco(file: Path, reading: AnnotationReader) -> FoundAnnotations:
    """The masks in one file, each with its shapes in the order of the file."""
    content = read_object(file)
    try:
        labels = {entry["id"]: reading.label(entry["name"], str(file)) for entry in _used(content)}
        images = {entry["id"]: _image(entry, reading, file) for entry in content["images"]}
        drawn: dict[str, list[Shape]] = {}
        for entry in content["annotations"]:
            stem, size = images[entry["image_id"]]
            mask = _mask(entry, size, f"the annotation {entry.get('id')} of {file}")
            drawn.setdefault(stem, []).append((labels[entry["category_id"]], mask))
    except DatasetError:
        raise
    except UNREADABLE as error:
        raise unreadable(file, error) from None
    sizes = dict(images.values())
    return reading.lacking(
        FoundAnnotations({stem: reading.paint(shapes, sizes[stem]) for stem, shapes in drawn.items()})
    )


def _used(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The categories that some annotation has; a tool may list labels of other projects."""
    used = {entry["category_id"] for entry in content["annotations"]}
    return [entry for entry in content["categories"] if entry["id"] in used]


def _image(entry: Mapping[str, Any], reading: AnnotationReader, file: Path) -> tuple[str, tuple[int, int]]:
    """The exported image that an entry means, and its height and width."""
    stem = reading.stem(entry["file_name"], str(file))
    return stem, reading.size(stem, (entry["height"], entry["width"]), f"the image {entry['file_name']} of {file}")


def _mask(entry: Mapping[str, Any], size: tuple[int, int], where: str) -> Mask:
    """The pixels of one annotation; a box where nothing but its box is written, as tools do with rectangles."""
    shape = entry.get("segmentation")
    if isinstance(shape, Mapping):
        return _runs(shape, size, where)
    if shape:
        parts = [polygon(_corners(part, where), *size) for part in shape]
        union: Mask = np.logical_or.reduce(parts)
        return union
    if not entry.get("bbox"):
        raise DatasetError(f"{where} has neither segmentation nor bbox; draw it again, or delete it")
    x, y, width, height = entry["bbox"]
    return rectangle(finite([(x, y), (x + width, y + height)]), *size)


def _corners(part: Sequence[float], where: str) -> list[tuple[float, float]]:
    if len(part) < 6 or len(part) % 2:
        raise DatasetError(f"{where} has a polygon of {len(part)} numbers; give it three or more corners x, y")
    return finite(np.reshape(np.asarray(part, dtype=np.float64), (-1, 2)))


def _runs(shape: Mapping[str, Any], size: tuple[int, int], where: str) -> Mask:
    """Run lengths as a list, or as the compressed string."""
    if tuple(shape["size"]) != size:
        fact = f"{where} has a mask of {shape['size'][1]}x{shape['size'][0]} pixels on an image of {size[1]}x{size[0]}"
        raise DatasetError(f"{fact}; export it again from the tool")
    counts = shape["counts"]
    return run_lengths(decode_counts(counts) if isinstance(counts, str) else [int(n) for n in counts], *size)
