"""PACO-Part as Matcher annotates it: two pickles with the parts of PACO's objects in photographs of COCO.

::

    PACO-Part/paco/paco_part_train.pkl     of which the order of the parts alone is read
    PACO-Part/paco/paco_part_val.pkl       "cid2img": part -> [{image: name}]; "img2anno": image -> [annotations]
    PACO-Part/coco/train2017/, val2017/

Fold f has every fourth of the 448 parts of the training file, from the f-th on, that more than one validation image
shows. Each of its 2,500 episodes asks for a part drawn from these. Which parts are too small or too rare was decided
when the pickles were made; from PACO's own JSON the same folds cannot be told.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ... import UserError, one_line
from ..dataset import DatasetError
from ..files.layout import check_root, find_place
from .episodes import MOST, TRIES, Episode, PartCrop, choose, generator, hopeless

if TYPE_CHECKING:
    import numpy as np

FOLDS = ("fold0", "fold1", "fold2", "fold3")
PHOTOS, TABLES = "coco", "paco"
TRAIN, VALIDATION = "paco_part_train.pkl", "paco_part_val.pkl"
WHAT = "the PACO-Part of Matcher"
KNOWN = {
    "collections.OrderedDict": OrderedDict,
    "collections.defaultdict": defaultdict,
    "builtins.list": list,
    "builtins.dict": dict,
}
"""All that a pickle may name: containers, none of which runs anything."""

PARTS = 448
"""Parts in the training file."""

Photos = Mapping[int, Sequence[tuple[str, str]]]
"""The id and name of each photograph that shows a part."""


class Plain(pickle.Unpickler):
    """Reads numbers, texts and containers, and refuses whatever else a pickle asks for."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in KNOWN:
            raise UserError(f"it asks for {module}.{name}, of which annotations have no need; nothing was run")
        return KNOWN[f"{module}.{name}"]


def read_parts(root: Path, fold: str) -> tuple[str, ...]:
    """The parts of a fold, as `part 87`: the pickles know them by their numbers in PACO."""
    return tuple(f"part {number}" for number in _parts(root, fold))


def draw_episodes(root: Path, fold: str) -> list[Episode]:
    """The episodes of a fold."""
    find_place(root, PHOTOS, "train2017 and val2017 of COCO")
    parts, random = _parts(root, fold), generator()
    file = root / TABLES / VALIDATION
    photos, annotations = read_validation(file)
    return [_episode(root, file, parts, photos, annotations, random) for _ in range(MOST)]


def _parts(root: Path, fold: str) -> list[int]:
    check_root(root, WHAT, (PHOTOS, TABLES))
    folder = find_place(root, TABLES, f"the pickles of {WHAT}")
    train = read_order(find_place(folder, TRAIN, f"that of {WHAT}"))
    photos, _ = read_validation(find_place(folder, VALIDATION, f"that of {WHAT}"))
    parts = [part for part in train[FOLDS.index(fold) :: len(FOLDS)] if len(photos.get(part, ())) > 1]
    if not parts:
        raise DatasetError(f"{folder} has no part in {fold} that two validation images show; unpack both files again")
    return parts


def _episode(
    root: Path, file: Path, parts: Sequence[int], photos: Photos, annotations: Mapping[str, Any],
    random: np.random.RandomState,
) -> Episode:  # fmt: skip
    """An episode; one in which a box is empty is drawn again, as INSID3 does."""
    for _ in range(TRIES):
        part = choose(random, parts)
        image, name = choose(random, photos[part])
        query = _crop(root, file, part, name, annotations[image], random)
        while True:  # there are two images, as _parts has seen
            image, other = choose(random, photos[part])
            if other != name:
                break
        support = _crop(root, file, part, other, annotations[image], random)
        if not query.is_empty and not support.is_empty:
            return Episode(parts.index(part) + 1, support, query)
    raise hopeless(file, f"one of {len(parts)} parts")


def _crop(
    root: Path, file: Path, part: int, name: str, annotations: Sequence[Mapping[str, Any]],
    random: np.random.RandomState,
) -> PartCrop:  # fmt: skip
    """A part of one of the objects in a photograph."""
    own = [one for one in annotations if one["category_id"] == part]
    owner = choose(random, list(dict.fromkeys(one["obj_ann_id"] for one in own)))
    own = [one for one in own if one["obj_ann_id"] == owner]
    left, top, width, height = own[0]["obj_bbox"]
    box = max(0, int(left)), max(0, int(top)), int(left + width), int(top + height)
    return PartCrop(root / PHOTOS / name, file, box, tuple(one["segmentation"] for one in own))


def read_order(path: Path) -> list[int]:
    """The parts of the training file, in its order; kept in memory for the next time."""
    return _order(path, path.stat().st_mtime_ns, path.stat().st_size)


def read_validation(path: Path) -> tuple[Photos, Mapping[str, Any]]:
    """The photographs of each part, each once, and the annotations of each photograph; kept in memory, too."""
    return _validation(path, path.stat().st_mtime_ns, path.stat().st_size)


@lru_cache(1)
def _order(path: Path, _changed: int, _size: int) -> list[int]:
    try:
        parts = [int(part) for part in _unpickled(path)["cid2img"]]
        if len(parts) != PARTS:
            raise UserError(f"it has {len(parts)} parts and not {PARTS}, so that the folds would be others")
    except Exception as error:  # a broken pickle raises whatever it likes
        raise _broken(path, error) from None
    return parts


@lru_cache(1)
def _validation(path: Path, _changed: int, _size: int) -> tuple[Photos, Mapping[str, Any]]:
    try:
        content = _unpickled(path)
        photos = {int(part): _once(images) for part, images in content["cid2img"].items()}
        annotations = {str(image): list(drawn) for image, drawn in content["img2anno"].items()}
        _check(photos, annotations)
    except Exception as error:  # a broken pickle raises whatever it likes
        raise _broken(path, error) from None
    return photos, annotations


def _once(images: Sequence[Mapping[Any, str]]) -> list[tuple[str, str]]:
    pairs = [next(iter(image.items())) for image in images]
    # A name ends in its folder and its file.
    return list({str(number): (str(number), "/".join(name.split("/")[-2:])) for number, name in pairs}.values())


def _check(photos: Photos, annotations: Mapping[str, Any]) -> None:
    """Refuse photographs without the annotations that they are listed for."""
    for part, listed in photos.items():
        if len(listed) > 1 and len({name for _, name in listed}) < 2:
            raise UserError(f"it has one name for all photographs of the part {part}")
        for image, name in listed:
            if ".." in name.split("/"):
                raise UserError(f"it names a photograph {name!r}")
            drawn = [one for one in annotations.get(image, ()) if one["category_id"] == part]
            if not drawn or any(len(one["obj_bbox"]) != 4 or "obj_ann_id" not in one for one in drawn):
                raise UserError(f"it has no object with the part {part} in the photograph {image}")


def _unpickled(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        return cast("Mapping[str, Any]", Plain(file).load())


def _broken(path: Path, error: Exception) -> DatasetError:
    return DatasetError(f"{path} cannot be read as annotations of {WHAT} ({one_line(error)}); unpack it again")
