"""Which objects of PASCAL-Part are cut out: those with parts, large enough, and apart from others of their class."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..dataset import DatasetError
from ..files.layout import check_root, find_place
from ..files.listing import left_out
from .annotations import Box, Outline, read_boxes, read_outlines

PARTS, IMAGES, BOXES = "Annotations_Part", "JPEGImages", "Annotations"
WHAT = "PASCAL-Part"
SAME = 0.5
"""The IoU from which a box of VOC and the extent of a mask are of one object."""


@dataclass(frozen=True)
class Crop:
    """One object in its box."""

    image: Path
    annotation: Path
    place: int
    """Among all objects of its annotation, from 0 on."""
    box: Box

    @property
    def name(self) -> str:
        """The name of the photograph, and the number of the object in it."""
        return f"{self.image.stem}-{self.place + 1}"


def find_crops(root: Path, kind: str, smallest: int, limit: float) -> tuple[list[Crop], tuple[str, ...]]:
    """The crops of a kind in the order of their names, and how many files and objects are left out.

    Discarded are objects without parts, boxes with a side below `smallest` pixels, and boxes whose IoU with that of
    another object of the kind is above `limit`.
    """
    check_root(root, WHAT, (PARTS, IMAGES))
    annotations = find_place(root, PARTS, "the .mat files of PASCAL-Part")
    find_place(root, IMAGES, "the photographs of PASCAL VOC 2010")
    names = os.listdir(annotations)
    paths = sorted(annotations / name for name in names if name.endswith(".mat") and not name.startswith("."))
    if not paths:
        raise DatasetError(f"{annotations} holds no .mat file; put those of {WHAT} there")
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
        found = list(threads.map(lambda path: _crops(root, path, kind, smallest, limit), paths))
    crops = [crop for some, _ in found for crop in some]
    if not crops:
        fact = f"none of the {len(paths)} annotations in {annotations} has a {kind} with parts"
        raise DatasetError(f"{fact} that is large enough and stands alone; put all of {WHAT} there")
    reasons = sum((left for _, left in found), Counter[str]())
    objects = f"{annotations}: {len(crops) + reasons.total()} objects are a {kind}, {len(crops)} are cropped"
    left = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    notes = left_out(annotations, names, {path.name for path in paths}, "annotations")
    return crops, (*notes, *((f"{objects}; {reasons.total()} left out: {left}",) if reasons else ()))


def iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, width) * max(0, height)
    return shared / (_area(one) + _area(other) - shared)


def _crops(root: Path, path: Path, kind: str, smallest: int, limit: float) -> tuple[list[Crop], Counter[str]]:
    """The crops of one annotation, and why other objects are none."""
    voc_boxes = _voc_boxes(root, path, kind)
    if voc_boxes == []:  # VOC says that there is none, which spares a look into the larger file
        return [], Counter()
    outlines = [outline for outline in read_outlines(path) if outline.kind == kind and outline.box]
    extents = [outline.box for outline in outlines if outline.box]
    boxes = [_refined(extent, voc_boxes or ()) for extent in extents]
    rivals = [*boxes, *(box for box in voc_boxes or () if box not in boxes)]
    reasons = [_fault(outline, box, smallest, rivals, limit) for outline, box in zip(outlines, boxes, strict=True)]
    kept = [
        Crop(root / IMAGES / f"{path.stem}.jpg", path, outline.place, box)
        for outline, box, reason in zip(outlines, boxes, reasons, strict=True)
        if not reason
    ]
    if kept and not kept[0].image.is_file():
        raise DatasetError(f"{path} has no photograph; put {kept[0].image} there, from PASCAL VOC 2010")
    return kept, Counter(filter(None, reasons))


def _fault(outline: Outline, box: Box, smallest: int, rivals: Sequence[Box], limit: float) -> str:
    """Why an object is not cropped; empty if it is."""
    if not outline.has_parts:
        return "without parts"
    if not _is_large(box, smallest):
        return f"a side below {smallest} pixels"
    return "overlapping another" if _is_crowded(box, rivals, limit) else ""


def _voc_boxes(root: Path, path: Path, kind: str) -> list[Box] | None:
    """The boxes that VOC has for a photograph; nothing where its file is not there."""
    file = root / BOXES / f"{path.stem}.xml"
    return read_boxes(file, kind) if file.is_file() else None


def _refined(extent: Box, voc_boxes: Sequence[Box]) -> Box:
    """The box of VOC for the object of this extent, or the extent where there is none."""
    best = max(voc_boxes, key=lambda box: iou(box, extent), default=extent)
    return best if iou(best, extent) >= SAME else extent


def _is_large(box: Box, smallest: int) -> bool:
    return min(box[2] - box[0], box[3] - box[1]) >= smallest


def _is_crowded(box: Box, rivals: Sequence[Box], limit: float) -> bool:
    overlaps = sorted(iou(box, rival) for rival in rivals)
    return any(overlap > limit for overlap in overlaps[:-1])  # the last is that with itself


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
