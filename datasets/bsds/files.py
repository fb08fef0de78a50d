"""Where the files of BSDS500 lie, and which split each belongs to; no image and no mask is opened here.

Two layouts are known. As published: `images/{train,val,test}/*.jpg` and `groundTruth/{train,val,test}/*.mat`.
As a flat pack: `images/*.jpg`, `groundTruth/*.mat`, and a `meta.csv` with the columns `id` and `official_split`.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..dataset import DatasetError
from ..files.listing import composed, files_below, left_out

OFFICIAL = ("train", "val", "test")
"""The published splits: 200, 100 and 200 images."""
INSIDE = ("", "data", "BSDS500/data", "BSR/BSDS500/data")
"""Where below the given path the images may lie: the published archive unpacks to the last of these."""
POOL_SHARE = 5
"""One in so many training images is for shots, the others for training."""
SEED = "partbench bsds 1"
"""Seed of the splits; another one would deal the images anew, so it never changes."""


@dataclass(frozen=True)
class AnnotatedPhoto:
    """A photograph and its annotations."""

    image: Path
    truth: Path

    @property
    def name(self) -> str:
        """The number of the photograph."""
        return composed(self.image.stem)


def split_pairs(path: Path) -> tuple[dict[str, list[AnnotatedPhoto]], tuple[str, ...]]:
    """The pairs of `unlabelled`, `pool`, `validation` and `test`, none in two of them, and what is left out.

    The published training images are dealt to `unlabelled` and `pool`, the published validation images are
    `validation`; where there is no published test image, half of these are `test`.
    """
    root = _root(path)
    official = _as_published(root) if (root / "images" / OFFICIAL[0]).is_dir() else _flat(root)
    train, val, test = (official[name] for name in OFFICIAL)
    cut = len(train) // POOL_SHARE
    splits = {"pool": _shuffled(train)[:cut], "unlabelled": _shuffled(train)[cut:], "validation": val, "test": test}
    if not test:
        splits |= {"validation": _shuffled(val)[len(val) // 2 :], "test": _shuffled(val)[: len(val) // 2]}
    for name, pairs in splits.items():
        if not pairs:
            raise DatasetError(f"no image of {root} falls into the {name} split; unpack all of BSDS500 there")
    return {name: sorted(pairs, key=lambda pair: pair.name) for name, pairs in splits.items()}, _left_out(root, splits)


def _left_out(root: Path, splits: Mapping[str, Sequence[AnnotatedPhoto]]) -> tuple[str, ...]:
    pairs = [pair for some in splits.values() for pair in some]
    notes: list[str] = []
    for what, used in (("images", [pair.image for pair in pairs]), ("groundTruth", [pair.truth for pair in pairs])):
        read = {file.relative_to(root / what).as_posix() for file in used}
        notes += left_out(root / what, files_below(root / what), read, "photographs")
    return tuple(notes)


def _root(path: Path) -> Path:
    roots = [path / inside for inside in INSIDE]
    found = next((root for root in roots if (root / "images").is_dir()), None)
    if found is None:
        raise DatasetError(f"there is no folder {path / 'images'}; give the folder of BSDS500 that holds images")
    if not (found / "groundTruth").is_dir():
        raise DatasetError(f"there is no folder {found / 'groundTruth'}; put the annotations of BSDS500 there")
    return found


def _as_published(root: Path) -> dict[str, list[AnnotatedPhoto]]:
    return {name: list(_pairs(root / "images" / name, root / "groundTruth" / name)) for name in OFFICIAL}


def _flat(root: Path) -> dict[str, list[AnnotatedPhoto]]:
    belongs = _read_meta(root / "meta.csv")
    splits: dict[str, list[AnnotatedPhoto]] = {name: [] for name in OFFICIAL}
    for pair in _pairs(root / "images", root / "groundTruth"):
        if pair.name not in belongs:
            raise DatasetError(f"{root / 'meta.csv'} does not say the split of {pair.image.name}; add its line")
        splits[belongs[pair.name]].append(pair)
    return splits


def _pairs(images: Path, truths: Path) -> Iterator[AnnotatedPhoto]:
    """The pairs of two folders by name; a folder that is not there has none."""
    found = sorted(images.glob("*.jpg"))
    found_truths = {composed(truth.stem): truth for truth in truths.glob("*.mat")}
    for image in found:
        if image.name.startswith("."):
            continue
        truth = found_truths.get(composed(image.stem))
        if truth is None:
            raise DatasetError(f"{image} has no annotations; put {truths / image.stem}.mat there")
        yield AnnotatedPhoto(image, truth)


def _read_meta(path: Path) -> Mapping[str, str]:
    """The published split of each photograph."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            splits = {composed(row["id"]): row["official_split"] for row in csv.DictReader(file)}
    except FileNotFoundError:
        mend = f"put the images into train, val and test there, or list them in {path}"
        raise DatasetError(f"{path.parent / 'images'} has no folder train; {mend}") from None
    except (KeyError, OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} has no columns id and official_split ({error}); write it again") from error
    unknown = next((split for split in splits.values() if split not in OFFICIAL), None)
    if unknown is not None:
        raise DatasetError(f"{path} has a split {unknown!r}; write train, val or test")
    return splits


def _shuffled(pairs: Sequence[AnnotatedPhoto]) -> list[AnnotatedPhoto]:
    """Pairs in the order of their names' hashes, the same on every machine."""
    return sorted(pairs, key=lambda pair: hashlib.sha256(f"{SEED}/{pair.name}".encode()).digest())
