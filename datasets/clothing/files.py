"""Where the files of Clothing Co-Parsing lie, and which split each photograph belongs to; none is opened here.

::

    photos/0001.jpg ...                    2,098 of them
    annotations/pixel-level/0001.mat ...   `groundtruth` (height, width): places in the list of labels; 1,004 of them
    annotations/image-level/1005.mat ...   which labels the others show, without saying where
    label_list.mat                         `label_list`: the names of the labels

No split is published with it. Those that are annotated pixel by pixel are cut at the middle of the order of their
names' hashes, the same on every machine: half are the pool, half the test images. The others are unlabelled.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..dataset import DatasetError
from ..files.hints import enumeration
from ..files.layout import check_root, find_place
from ..files.listing import left_out

PHOTOS, ANNOTATIONS, LIST = "photos", "annotations", "label_list.mat"
PIXELS, TAGS = f"{ANNOTATIONS}/pixel-level", f"{ANNOTATIONS}/image-level"
WHAT = "Clothing Co-Parsing"
SEED = "partbench clothing 1"
"""Seed of the split; another one would deal the images anew, so it never changes."""


@dataclass(frozen=True)
class Photo:
    """A photograph, and where its mask is, if it has one."""

    image: Path
    mask: Path

    @property
    def name(self) -> str:
        """The number of the photograph in four digits."""
        return self.image.stem


def split_photos(root: Path) -> tuple[dict[str, list[Photo]], tuple[str, ...]]:
    """The photographs of `pool`, `test` and `unlabelled`, none in two of them; what of the files is left out."""
    check_root(root, WHAT, (PHOTOS, ANNOTATIONS, LIST))
    photos, of_photos = _stems(find_place(root, PHOTOS, f"the photographs of {WHAT}"), ".jpg", "photographs")
    masks, of_masks = _stems(find_place(root, PIXELS, f"the masks of {WHAT}"), ".mat", "masks")
    _check(root, photos, masks)
    order = sorted(masks, key=lambda stem: hashlib.sha256(f"{SEED}/{stem}".encode()).digest())
    middle = len(order) // 2
    splits = {"pool": order[:middle], "test": order[middle:], "unlabelled": [p for p in photos if p not in masks]}
    for split in ("pool", "test"):
        if not splits[split]:
            fact = f"{root} has {len(masks)} photographs with masks and none of them falls into the {split} split"
            raise DatasetError(f"{fact}; unpack all of {WHAT} there")
    return _photos(root, splits), (*of_photos, *of_masks)


def _photos(root: Path, splits: Mapping[str, Sequence[str]]) -> dict[str, list[Photo]]:
    pair = {
        stem: Photo(root / PHOTOS / f"{stem}.jpg", root / PIXELS / f"{stem}.mat")
        for stems in splits.values()
        for stem in stems
    }
    return {split: [pair[stem] for stem in sorted(stems)] for split, stems in splits.items()}


def _stems(place: Path, ending: str, what: str) -> tuple[dict[str, None], tuple[str, ...]]:
    """The names of the files that end so, without the ending and in order; what is said of the others."""
    names = sorted(os.listdir(place))
    read = [name for name in names if name.endswith(ending) and not name.startswith(".")]
    return dict.fromkeys(name[: -len(ending)] for name in read), left_out(place, names, set(read), what)


def _check(root: Path, photos: Collection[str], masks: Collection[str]) -> None:
    """Refuse masks without a photograph, and photographs without an annotation of either level."""
    bare = [f"{stem}.jpg" for stem in masks if stem not in photos]
    if bare:
        fact = f"{len(bare)} of the masks in {root / PIXELS} have no photograph ({enumeration(bare)})"
        raise DatasetError(f"{fact}; put them into {root / PHOTOS}")
    if not (root / TAGS).is_dir():
        return
    tagged = {name[:-4] for name in os.listdir(root / TAGS)}
    lost = [f"{stem}.mat" for stem in photos if stem not in masks and stem not in tagged]
    if lost:
        fact = f"{len(lost)} of the photographs in {root / PHOTOS} have no annotation of either level"
        raise DatasetError(f"{fact} ({enumeration(lost)}); unpack {root / ANNOTATIONS} again")
