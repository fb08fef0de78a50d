"""PASCAL-Part as Matcher annotates it: JSON files of merged parts, four folds by kind of object.

::

    VOC2010/all_obj_part_to_image.json     kind -> "object" -> object -> "part" -> part -> "train" and "val": images
    VOC2010/Annotations_Part_json_merged_part_classes/2008_000008.json
    VOC2010/JPEGImages/2008_000008.jpg

A fold's parts are those that both training and validation images show, without the tail of the aeroplane. Episode n
asks for part n modulo their number. There are as many as validation images are listed, over all parts, and 2,500 at
most. An image where the drawn object lacks the part is drawn again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import one_line
from ..dataset import DatasetError
from ..files.layout import check_root, find_place
from .episodes import MOST, TRIES, Episode, PartCrop, choose, generator, hopeless

if TYPE_CHECKING:
    import numpy as np

FOLDS = ("animals", "indoor", "person", "vehicles")
LIST, ANNOTATIONS, IMAGES = (
    "all_obj_part_to_image.json",
    "Annotations_Part_json_merged_part_classes",
    "JPEGImages",
)
LEFT_OUT = "aeroplane+TAIL"
WHAT = "the PASCAL-Part of Matcher"


def read_parts(root: Path, fold: str) -> tuple[str, ...]:
    """The parts of a fold, as `bird+TAIL`, in the order of the list."""
    return tuple(_validation(root, fold)[0])


def draw_episodes(root: Path, fold: str) -> list[Episode]:
    """The episodes of a fold."""
    find_place(root, IMAGES, "the photographs of PASCAL VOC 2010")
    find_place(root, ANNOTATIONS, f"the annotations of {WHAT}")
    images, total = _validation(root, fold)
    parts, random = list(images), generator()
    return [_episode(root, number % len(parts) + 1, parts, images, random) for number in range(min(total, MOST))]


def _validation(root: Path, fold: str) -> tuple[dict[str, list[str]], int]:
    """The validation images of each part of a fold, and how many are listed for all parts, those left out too."""
    check_root(root, WHAT, (LIST, ANNOTATIONS, IMAGES))
    path = find_place(root, LIST, f"the list of {WHAT}")
    objects = _read(path)
    try:
        listed = {
            f"{thing}+{part}": (list(images["train"]), list(images["val"]))
            for thing, entry in objects[fold]["object"].items()
            for part, images in entry["part"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path} is no list of parts and images ({one_line(error)}); unpack it again") from None
    total = sum(len(val) for _, val in listed.values())
    parts = {name: val for name, (train, val) in listed.items() if train and val and name != LEFT_OUT}
    lonely = [name for name, val in parts.items() if len({*val}) < 2]
    if lonely or not parts:
        fact = f"fewer than two validation images for {lonely[0]}" if lonely else f"no part in the fold {fold}"
        raise DatasetError(f"{path} has {fact}; unpack it again")
    return parts, total


def _episode(
    root: Path, part: int, parts: Sequence[str], images: Mapping[str, Sequence[str]], random: np.random.RandomState
) -> Episode:
    name = parts[part - 1]
    query = _crop(root, name, images[name], random, "")
    return Episode(part, _crop(root, name, images[name], random, query.image.stem), query)


def _crop(root: Path, part: str, images: Sequence[str], random: np.random.RandomState, other: str) -> PartCrop:
    """A part of an object of another image than one that is taken, drawn until there is one."""
    kind, _, name = part.partition("+")
    for _ in range(TRIES):
        image = str(choose(random, images))
        if image == other:
            continue
        file = root / ANNOTATIONS / f"{image}.json"
        objects = [thing for thing in read_objects(file) if thing["name"] == kind]
        if not objects:
            continue
        thing = choose(random, objects)
        outlines = [mask for one in thing["parts"] if one["name"] == name for mask in one["mask"]]
        if outlines:
            left, top, right, bottom = (int(side) for side in thing["bndbox"].values())
            box = max(0, left), max(0, top), right, bottom
            return PartCrop(root / IMAGES / f"{image}.jpg", file, box, tuple(outlines))
    raise hopeless(root, part)


def read_objects(path: Path) -> list[dict[str, Any]]:
    """The objects of an image, each with name, bndbox and parts; kept in memory for the next time."""
    status = path.stat() if path.is_file() else None
    return _objects(path, *((status.st_mtime_ns, status.st_size) if status else (0, 0)))


@lru_cache(512)
def _objects(path: Path, _changed: int, _size: int) -> list[dict[str, Any]]:
    try:
        objects = [dict(thing) for thing in _read(path)["object"]]
        for thing in objects:
            if len([int(side) for side in thing["bndbox"].values()]) != 4 or not isinstance(thing["name"], str):
                raise ValueError("an object without a name or with no box of four numbers")
            thing["parts"] = [{"name": part["name"], "mask": list(part["mask"])} for part in thing["parts"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fact = f"{path} cannot be read as an annotation of {WHAT} ({one_line(error)})"
        raise DatasetError(f"{fact}; unpack it again") from None
    return objects


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as JSON ({one_line(error)}); unpack it again") from None
