"""Reading the annotations: objects with their parts from a `.mat` file, boxes from an `.xml` file of PASCAL VOC."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ... import one_line
from ..dataset import DatasetError
from ..files.matlab import read_matlab

Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels; the last two are the first that lie outside."""


@dataclass(frozen=True)
class Object:
    """An object of a photograph and its parts; all masks have the photograph's size."""

    kind: str
    mask: Mask
    parts: dict[str, Mask]


@dataclass(frozen=True)
class Outline:
    """What is known of an object without its masks."""

    place: int
    """Among all objects of its file, from 0 on."""
    kind: str
    box: Box | None
    """The extent of its mask, or nothing where that is empty."""
    has_parts: bool


def read_objects(path: Path) -> list[Object]:
    """All objects of a photograph: `anno.objects`, each with `class`, `mask` and `parts`."""
    try:
        objects = [_object(entry) for entry in read_matlab(path, "anno")[0, 0]["objects"].ravel()]
    except Exception as error:  # scipy raises whatever a broken file drives it into
        reason = one_line(error)
        fact = f"{path} cannot be read as an annotation of PASCAL-Part ({reason})"
        raise DatasetError(f"{fact}; unpack it again") from error
    shapes = {mask.shape for thing in objects for mask in (thing.mask, *thing.parts.values())}
    if len(shapes) > 1:
        raise DatasetError(f"{path} has masks of several sizes; unpack it again")
    return objects


def read_outlines(path: Path) -> tuple[Outline, ...]:
    """The objects of a photograph without their masks; kept in memory for the next time."""
    status = path.stat()
    return _outlines(path, status.st_mtime_ns, status.st_size)


def read_boxes(path: Path, kind: str) -> list[Box]:
    """The boxes of this kind of object in an annotation of PASCAL VOC, whose pixels count from 1 and inclusively."""
    try:
        things = ElementTree.parse(path).getroot().findall("object")
        return [_box(thing) for thing in things if thing.findtext("name") == kind]
    except (ElementTree.ParseError, OSError, ValueError) as error:
        raise DatasetError(
            f"{path} cannot be read as an annotation of PASCAL VOC ({error}); unpack it again"
        ) from error


@cache
def _outlines(path: Path, _changed: int, _size: int) -> tuple[Outline, ...]:
    things = enumerate(read_objects(path))
    return tuple(Outline(place, thing.kind, _extent(thing.mask), bool(thing.parts)) for place, thing in things)


def _object(entry: Any) -> Object:
    parts = {str(part["part_name"].item()): part["mask"] != 0 for part in entry["parts"].ravel()}
    return Object(str(entry["class"].item()), entry["mask"] != 0, parts)


def _extent(mask: Mask) -> Box | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _box(thing: ElementTree.Element) -> Box:
    # A few files of VOC have fractions here.
    sides = [round(float(thing.findtext(f"bndbox/{side}") or "")) for side in ("xmin", "ymin", "xmax", "ymax")]
    return max(0, sides[0] - 1), max(0, sides[1] - 1), sides[2], sides[3]
