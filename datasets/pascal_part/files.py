"""Which split each photograph belongs to: as the lists of PASCAL VOC say, or by its name.

PASCAL-Part has no split of its own. Of the pairs of lists in `ImageSets/Main`, the first that names crops on both sides
holds: `trainval.txt` and `test.txt`, else `train.txt` and `val.txt` (VOC 2010 keeps the labels of its test images to
itself, so there it is the second). Where the folder is not there, the hash of a photograph's name decides: about half
go into each split, on every machine, whatever other photographs there are. No photograph has crops in two splits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ..dataset import DatasetError
from .crops import Crop

LISTS = "ImageSets/Main"
PAIRS = (("trainval.txt", "test.txt"), ("train.txt", "val.txt"))
"""Lists of names for the pool and for the test split."""
SEED = "partbench pascal_part 1"
"""Seed of the split by name; another one would deal every photograph anew, so it never changes."""


def split_crops(root: Path, crops: Sequence[Crop]) -> dict[str, list[Crop]]:
    """The crops of `pool` and `test`; photographs that the lists leave out are not used."""
    if (root / LISTS).is_dir():
        return _listed(root / LISTS, crops)
    splits: dict[str, list[Crop]] = {"pool": [], "test": []}
    for crop in crops:
        splits[split_by_name(crop.image.stem)].append(crop)
    empty = next((split for split, some in splits.items() if not some), None)
    if empty is not None:
        fact = f"of the {len(crops)} crops of {root}, none falls into the {empty} split by the hash of its name"
        raise DatasetError(f"{fact}; add photographs, or the lists train.txt and val.txt in {root / LISTS}")
    return splits


def split_by_name(photograph: str) -> str:
    """`pool` or `test`, by the last bit of the hash of a photograph's name."""
    return ("pool", "test")[hashlib.sha256(f"{SEED}/{photograph}".encode()).digest()[-1] & 1]


def _listed(lists: Path, crops: Sequence[Crop]) -> dict[str, list[Crop]]:
    for pool, test in PAIRS:
        pools, tests = _names(lists / pool), _names(lists / test)
        both = sorted(pools & tests)
        if both:
            raise DatasetError(f"{lists / pool} and {lists / test} both name {both[0]}; take it out of one of them")
        splits = {
            "pool": [crop for crop in crops if crop.image.stem in pools],
            "test": [crop for crop in crops if crop.image.stem in tests],
        }
        if all(splits.values()):
            return splits
    pairs = ", or ".join(" and ".join(pair) for pair in PAIRS)
    fact = f"{lists} has no pair of lists with crops on both sides ({pairs})"
    raise DatasetError(f"{fact}; put those of PASCAL VOC there, or move the folder away to split by name")


def _names(path: Path) -> set[str]:
    """The first word of each line; a list that is not there names nothing."""
    try:
        return {line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()}
    except FileNotFoundError:
        return set()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as a list of names ({error}); unpack it again") from error
