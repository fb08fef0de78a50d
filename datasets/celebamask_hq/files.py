"""Where the files of CelebAMask-HQ lie, and which split each image belongs to; no image and no mask is opened here.

::

    CelebA-HQ-img/{0..29999}.jpg
    CelebAMask-HQ-mask-anno/{0..14}/{00000..29999}_{part}.png     a missing file is a part that cannot be seen
    CelebA-HQ-to-CelebA-mapping.txt                               a header, then: idx orig_idx orig_file
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from ..dataset import DatasetError
from ..files.hints import enumeration, hint
from ..files.layout import alike, check_root, find_place
from ..files.listing import left_out
from .parts import PARTS

IMAGES, MASKS, MAPPING = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno", "CelebA-HQ-to-CelebA-mapping.txt"
WHAT = "CelebAMask-HQ"
PER_FOLDER = 2000
"""Image n has its masks in the folder n // 2000."""
HEADER = "idx orig_idx orig_file"
FIRST_VALIDATION, FIRST_TEST = 162771, 182638
"""The split of CelebA, by an image's number there; of the 30,000 it makes 24,183, 2,993 and 2,824."""
POOL_SHARE = 5
"""Where most train images are left unlabelled, one in so many is for shots."""
SEED = "partbench celebamask-hq 1"
"""Seed of that dealing; another one would deal the images anew, so it never changes."""


def image_path(root: Path, number: int) -> Path:
    """The photograph of this number."""
    return root / IMAGES / f"{number}.jpg"


def mask_path(root: Path, number: int, part: str) -> Path:
    """The mask of one part, where that can be seen."""
    return root / MASKS / str(number // PER_FOLDER) / f"{number:05d}_{part}.png"


def split_numbers(root: Path, train_images: str) -> tuple[dict[str, list[int]], tuple[str, ...]]:
    """The numbers of the images of each split, after a look at the names of all files; what of these is left out."""
    check_root(root, WHAT, (IMAGES, MASKS, MAPPING))
    find_place(root, IMAGES, "the photographs of CelebAMask-HQ")
    find_place(root, MASKS, "the part masks of CelebAMask-HQ")
    origins = read_mapping(find_place(root, MAPPING, "the table of CelebAMask-HQ"))
    notes = (*_check_images(root, origins), *_check_masks(root, origins))
    splits: dict[str, list[int]] = {"pool": [], "validation": [], "test": []}
    for number, origin in sorted(origins.items()):
        splits[official_split(origin)].append(number)
    for split, numbers in splits.items():
        if not numbers:
            fact = f"no image that {root / MAPPING} lists falls into the {split} split"
            raise DatasetError(f"{fact}; unpack all of {WHAT} there")
    return splits if train_images == "labelled" else splits | deal(splits["pool"]), notes


def official_split(origin: int) -> str:
    """The split of the image with this number in CelebA."""
    return "pool" if origin < FIRST_VALIDATION else "validation" if origin < FIRST_TEST else "test"


def deal(numbers: Sequence[int]) -> dict[str, list[int]]:
    """A fifth of the train images for `pool`, the others for `unlabelled`."""
    order = sorted(numbers, key=lambda number: hashlib.sha256(f"{SEED}/{number}".encode()).digest())
    cut = max(1, len(order) // POOL_SHARE)
    return {"pool": sorted(order[:cut]), "unlabelled": sorted(order[cut:])}


def read_mapping(path: Path) -> dict[int, int]:
    """The number in CelebA of each image."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read ({error}); download it again") from error
    first = " ".join(lines[0].split()) if lines else ""
    if first != HEADER:
        raise DatasetError(f"{path} begins with '{first}' and not with its header; make '{HEADER}' its first line")
    origins: dict[int, int] = {}
    for row, line in enumerate(lines[1:], 2):
        fields = line.split()
        if len(fields) != 3 or not all(field.isdigit() for field in fields[:2]) or int(fields[0]) in origins:
            raise DatasetError(f"{path} is damaged or cut short in line {row}, '{line}'; download it again")
        origins[int(fields[0])] = int(fields[1])
    return origins


def _check_images(root: Path, listed: Collection[int]) -> tuple[str, ...]:
    names = set(os.listdir(root / IMAGES))
    missing = [f"{number}.jpg" for number in sorted(listed) if f"{number}.jpg" not in names]
    if missing:
        other = alike(root / IMAGES, missing[0])
        mend = f"rename {other.name} to {missing[0]}" if other else "unpack the photographs again"
        fact = f"{root / IMAGES} lacks {len(missing)} of the {len(listed)} images that {MAPPING} lists"
        raise DatasetError(f"{fact} ({enumeration(missing)}); {mend}")
    numbers = (int(name[:-4]) for name in names if name.endswith(".jpg") and name[:-4].isdigit())
    unlisted = sorted(number for number in numbers if number not in listed)
    if unlisted:
        fact = f"{root / MAPPING} does not list {len(unlisted)} of the images ({enumeration(unlisted)})"
        raise DatasetError(f"{fact}; it is cut short: download it again")
    return left_out(root / IMAGES, sorted(names), {f"{number}.jpg" for number in listed}, "photographs")


def _check_masks(root: Path, listed: Iterable[int]) -> tuple[str, ...]:
    names = list(_names(root / MASKS, sorted({number // PER_FOLDER for number in listed})))
    masks = {name for name in names if name.lower().endswith(".png") and not name.rpartition("/")[2].startswith(".")}
    bare = sorted(set(listed) - {_number(root / MASKS, name) for name in masks})
    if bare:
        fact = f"{len(bare)} images of {root} have no mask of any part ({enumeration(bare)})"
        raise DatasetError(f"{fact}; unpack {MASKS} again, with a tool that says what it leaves out")
    return left_out(root / MASKS, names, masks, "masks")


def _names(masks: Path, folders: Sequence[int]) -> Iterator[str]:
    """The path of every file below the folder of masks, as `0/00012_nose.png`."""
    for folder in folders:
        place = masks / str(folder)
        if not place.is_dir():
            last = (folder + 1) * PER_FOLDER - 1
            fact = f"there is no folder {place} with the masks of images {folder * PER_FOLDER} to {last}"
            raise DatasetError(f"{fact}; unpack {masks.name} again")
        yield from (f"{folder}/{name}" for name in sorted(os.listdir(place)))


def _number(masks: Path, name: str) -> int:
    """The number of the image that a mask file belongs to."""
    number, _, part = name.rpartition("/")[2][:-4].partition("_")
    if part not in PARTS:
        raise DatasetError(f"{masks / name} is a mask of no part: {hint(part, PARTS)}")
    if not (number.isdigit() and len(number) == 5 and name.endswith(".png")):
        raise DatasetError(f"{masks / name} is not named as a mask; call it 00012_{part}.png for the image 12.jpg")
    return int(number)
