"""Reading annotations in whatever format they lie there, and keeping them as masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..dataset import DatasetError
from .coco import read_coco
from .labelme import read_labelme
from .labels import AnnotationReader, FoundAnnotations, read_object
from .manifest import FORMATS
from .painted import Colours, read_painted
from .writing import COCO, PAINTED, write_masks

KNOWN = (COCO, "annotations/instances_default.json", "result.json")
"""Where COCO lies in a folder: ours, CVAT's and Label Studio's."""


def take_annotations(
    place: Path | None, reading: AnnotationReader, annotator: str, colours: Colours
) -> FoundAnnotations:
    """Read annotations and put them in the place of those that the export had; nothing is lost if a file is bad."""
    kind, where = find_annotations(place, reading)
    found = {"labelme": read_labelme, "coco": read_coco, "png": read_painted}[kind](where, reading)
    if not found.masks:
        raise DatasetError(f"nothing is drawn in {where}; annotate at least one image, and save it")
    manifest = replace(reading.manifest, annotator=annotator, overlaps=reading.overlaps, oracle={})
    write_masks(reading.folder, manifest, found.masks, colours)
    return found


def find_annotations(place: Path | None, reading: AnnotationReader) -> tuple[str, Path]:
    """The format of what lies in a file or a folder, and where; by default what the export was begun with."""
    if place is None:
        kind = reading.manifest.kind
        return kind, reading.folder / {"labelme": "images", "coco": COCO, "png": PAINTED}[kind]
    if place.is_dir():
        return _in_folder(place)
    if not place.is_file():
        raise DatasetError(f"there is no file or folder {place}; say where the annotations are")
    if place.suffix.lower() != ".json":
        mend = "unpack it and name the .json inside" if place.suffix.lower() == ".zip" else f"give {_expected()}"
        raise DatasetError(f"{place} is no .json; {mend}")
    if "shapes" in read_object(place):
        raise DatasetError(f"{place} is one file of labelme; name the folder with all of them")
    return "coco", place


def _in_folder(place: Path) -> tuple[str, Path]:
    for name in KNOWN:
        if (place / name).is_file():
            return "coco", place / name
    if any(place.glob("*.json")):
        return "labelme", place
    if any(place.glob("*.png")):
        return "png", place
    raise DatasetError(f"{place} holds no annotations; give {_expected()}")


def _expected() -> str:
    return f"the folder of labelme's .json files, a COCO .json, or a folder of index PNGs ({', '.join(FORMATS)})"
