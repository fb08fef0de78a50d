"""COCO: one JSON file for all images, as CVAT and Label Studio write it: polygons and run lengths of both kinds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import DatasetError
from ..files.rasters import Mask, Points, decode_counts, leaves, polygon, rectangle, run_lengths
from .found import DrawnShape, FoundAnnotations
from .kinds import read_object, unreadable
from .labels import CONTENT, UNREADABLE, AnnotationReader, finite
from .manifest import ExportManifest
from .split import IMAGES

Entry = Mapping[str, Any]
"""One image, category or annotation of a file."""
ROUNDING = 0.02
"""Of the area of a box, a share of it."""


def skeleton(manifest: ExportManifest, sizes: Sequence[tuple[int, int]]) -> str:
    """The file of images (width, height), with hashes, on which nothing is drawn yet, for a tool to begin with."""
    contents = [manifest.contents[f"{IMAGES}/{stem}.png"] for stem in manifest.images]
    images = [
        {"id": i + 1, "file_name": f"{stem}.png", "width": width, "height": height, CONTENT: contents[i]}
        for i, (stem, (width, height)) in enumerate(zip(manifest.images, sizes, strict=True))
    ]
    categories = [{"id": i + 1, "name": name, "supercategory": ""} for i, name in enumerate(manifest.classes)]
    return json.dumps({"images": images, "categories": categories, "annotations": []}, indent=1)


def read_coco(files: Sequence[Path], reading: AnnotationReader) -> FoundAnnotations:
    """The masks in the files of one export, each with its shapes in the order of its file."""
    found = FoundAnnotations()
    owners: dict[str, Path] = {}
    for file in files:
        for stem in _read(file, reading, found):
            if owners.setdefault(stem, file) != file:
                raise DatasetError(f"{owners[stem]} and {file} both annotate {stem}.png; take one of them out")
    return reading.finish(found)


def _read(file: Path, reading: AnnotationReader, found: FoundAnnotations) -> list[str]:
    """Add the masks of one file; the images that it annotates."""
    content = read_object(file)
    try:
        images, categories = (_by_number(content[part], part, file) for part in ("images", "categories"))
        stems = _stems(images, reading, file)
        drawn = _by_image(content["annotations"], images, categories, file)
        for number, entries in drawn.items():
            image = images[number]
            what = f"the image {image['file_name']} of {file}"
            size = reading.size(stems[number], (image.get("height"), image.get("width")), what)
            reading.check_picture(found, stems[number], image, what)
            labels = [reading.label(categories[entry["category_id"]]["name"], str(file)) for entry in entries]
            shapes = [_shape(entry, label, size, file) for entry, label in zip(entries, labels, strict=True)]
            reading.paint(found, stems[number], shapes, size)
    except DatasetError:
        raise
    except UNREADABLE as error:
        raise unreadable(file, error) from None
    return [stems[number] for number in drawn]


def _by_number(entries: Sequence[Entry], part: str, file: Path) -> dict[Any, Entry]:
    """Images or categories by their id."""
    numbered = {entry["id"]: entry for entry in entries}
    if len(numbered) < len(entries):
        twice = next(number for number, count in Counter(entry["id"] for entry in entries).items() if count > 1)
        raise DatasetError(f"{file} has the id {twice} for two of its {part}; export it again from the tool")
    return numbered


def _stems(images: Mapping[Any, Entry], reading: AnnotationReader, file: Path) -> dict[Any, str]:
    """The exported image that each image of a file is; no two are the same."""
    stems: dict[Any, str] = {}
    for number, entry in images.items():
        stem, name = reading.stem(entry["file_name"], str(file)), entry["file_name"]
        if stem in stems.values():
            other = images[next(known for known, of in stems.items() if of == stem)]["file_name"]
            fact = f"two images of {file} are {stem}.png: {other} and {name}"
            raise DatasetError(f"{fact}; take one out, or give it a name of its own before it is exported")
        stems[number] = stem
    return stems


def _by_image(
    entries: Sequence[Entry], images: Mapping[Any, Entry], categories: Mapping[Any, Entry], file: Path
) -> dict[Any, list[Entry]]:
    """Annotations by the id of their image."""
    drawn: dict[Any, list[Entry]] = {}
    for entry in entries:
        where = f"the annotation {entry.get('id')} of {file}"
        if "segments_info" in entry:
            raise DatasetError(f"{where} is panoptic, its pixels in a PNG elsewhere; export COCO instances")
        for listed, what in ((images, "image"), (categories, "category")):
            if entry[f"{what}_id"] not in listed:
                fact = f"{where} is of the {what} {entry[f'{what}_id']}, which the file does not list"
                raise DatasetError(f"{fact}; export it again from the tool")
        drawn.setdefault(entry["image_id"], []).append(entry)
    _check_categories([categories[number] for number in {entry["category_id"]: 0 for entry in entries}], file)
    return drawn


def _check_categories(used: Sequence[Entry], file: Path) -> None:
    """Refuse two categories of one name, as `eye` of `left` and `eye` of `right`, that would be one class."""
    named = {entry["name"]: entry for entry in used}
    for entry in used:
        other = named[entry["name"]]
        if other["id"] != entry["id"]:
            parents = [f"{one['id']} of '{one.get('supercategory') or ''}'" for one in (entry, other)]
            fact = f"{file} has two categories '{entry['name']}' ({' and '.join(parents)})"
            raise DatasetError(f"{fact}; give them names of their own, or make them one")


def _shape(entry: Entry, label: int, size: tuple[int, int], file: Path) -> DrawnShape:
    """One annotation with its pixels; its box where nothing else is written, as tools do with rectangles."""
    where, name = f"the annotation {entry.get('id')} of {file}", f"annotation {entry.get('id')} of {file.name}"
    outline = entry.get("segmentation")
    if isinstance(outline, Mapping):
        return DrawnShape(label, _runs(outline, size, where), name)
    if not outline:
        corners = _box(entry, where)
        return DrawnShape(label, rectangle(corners, *size), name, leaves(corners, *size), box=True)
    parts = [_corners(part, where) for part in outline]
    union: Mask = np.logical_or.reduce([polygon(part, *size) for part in parts])
    return DrawnShape(label, union, name, any(leaves(part, *size) for part in parts))


def _box(entry: Entry, where: str) -> Points:
    """Two corners of an upright box, if that is what was drawn."""
    if entry.get("keypoints"):
        raise DatasetError(f"{where} has points and no outline, and points have no area; draw a polygon or a mask")
    if not entry.get("bbox"):
        raise DatasetError(f"{where} has neither segmentation nor bbox; draw it again, or delete it")
    x, y, width, height = entry["bbox"]
    if width < 0 or height < 0:
        raise DatasetError(f"{where} has a box of {width:g}x{height:g} pixels; draw it again, or delete it")
    turned = (entry.get("attributes") or {}).get("rotation") or 0
    if turned % 360:
        raise DatasetError(f"{where} is a box turned by {turned:g} degrees, which COCO has not; draw a polygon")
    area = entry.get("area") or width * height
    if abs(area - width * height) > 1 + ROUNDING * width * height:
        fact = f"{where} has lost its outline: its box has {width * height:g} pixels and its area is {area:g}"
        raise DatasetError(f"{fact}; export it again with polygons or masks")
    return finite([(x, y), (x + width, y + height)])


def _corners(part: Sequence[float], where: str) -> Points:
    if len(part) < 6 or len(part) % 2:
        raise DatasetError(f"{where} has a polygon of {len(part)} numbers; give it three or more corners x, y")
    return finite(np.reshape(np.asarray(part, dtype=np.float64), (-1, 2)))


def _runs(shape: Mapping[str, Any], size: tuple[int, int], where: str) -> Mask:
    """Run lengths as a list, or as the compressed string."""
    if tuple(map(int, shape["size"])) != size:
        fact = f"{where} has a mask of {shape['size'][1]}x{shape['size'][0]} pixels on an image of {size[1]}x{size[0]}"
        raise DatasetError(f"{fact}; export it again from the tool")
    counts = shape["counts"]
    try:
        return run_lengths(decode_counts(counts) if isinstance(counts, str) else [int(n) for n in counts], *size)
    except ValueError as error:
        raise DatasetError(f"{where} has a damaged mask, {error}; draw it again") from None
