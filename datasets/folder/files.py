"""Which files of a folder belong together, and which split each pair belongs to."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..dataset import DatasetError
from ..files.hints import enumeration, hint
from ..files.images import SUFFIXES
from .jsonfile import find_json, read_json

SEED = "partbench folder 1"
"""Seed of the split; another one would deal every user's images anew, so it never changes."""

Stems = Mapping[str, list[str]]
"""Names of the images (the file names without their endings) by split."""

_EXAMPLE = '{"pool": ["a", "b"], "test": ["c"]}'


@dataclass(frozen=True)
class ImageMaskPair:
    """An image file and its mask file."""

    image: Path
    mask: Path

    @property
    def name(self) -> str:
        """The file name of the image without its ending, which the mask shares."""
        return self.image.stem


def split_pairs(folder: Path) -> dict[str, list[ImageMaskPair]]:
    """The pairs of image and mask of each split: as splits.json says, or half pool and half test."""
    images = _by_stem(folder / "images", SUFFIXES)
    masks = _by_stem(folder / "masks", (".png",))
    path = find_json(folder, "splits.json")
    stems = read_splits(path, images) if path else drawn_splits(images)
    _check_masks(folder, images, masks, stems)
    for split in ("pool", "test"):
        if not stems.get(split):
            fact = f"{folder} has {len(images)} images and none of them falls into the {split} split"
            raise DatasetError(f"{fact}; add images, or list both splits in a splits.json, as {_EXAMPLE}")
    return {split: [ImageMaskPair(images[stem], masks[stem]) for stem in names] for split, names in stems.items()}


def drawn_splits(stems: Iterable[str]) -> Stems:
    """A pool and a test split of half the images each, the odd one in the test split.

    The images are cut at the middle of the order of their names' hashes, so that the split is the
    same on every machine, and adding or removing an image moves at most one other across the cut.
    """
    order = sorted(stems, key=_rank)
    middle = len(order) // 2
    return {"pool": sorted(order[:middle]), "test": sorted(order[middle:])}


def read_splits(path: Path, stems: Collection[str]) -> Stems:
    """The splits that a splits.json lists, in its order; images that it leaves out are not used."""
    splits = read_json(path)
    owner: dict[str, str] = {}
    for split, names in splits.items():
        if split not in ("pool", "test", "validation"):
            raise DatasetError(f"{path} has a split '{split}': {hint(split, ('pool', 'test', 'validation'))}")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DatasetError(f"{path} has no list of names for '{split}'; write it as {_EXAMPLE}")
        for name in names:
            _check_listed(path, name, split, owner, stems)
            owner[name] = split
    return splits


def _rank(stem: str) -> bytes:
    # macOS may spell an accented name in another normal form than the machine it was copied from.
    name = unicodedata.normalize("NFC", stem)
    return hashlib.sha256(f"{SEED}/{name}".encode()).digest()


def _check_listed(path: Path, name: str, split: str, owner: Mapping[str, str], stems: Collection[str]) -> None:
    if name not in stems:
        mend = "write names as in images/, without their endings" if Path(name).stem in stems else "mend the name"
        raise DatasetError(f"{path} lists '{name}' in {split}, and images/ has no such image; {mend}")
    if name in owner:
        both = f"in {owner[name]} and in {split}" if owner[name] != split else f"twice in {split}"
        raise DatasetError(f"{path} lists '{name}' {both}; take one of them out")


def _by_stem(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {folder}; put the {folder.name} there")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in found:
            raise DatasetError(f"{found[path.stem]} and {path} share one name; rename or remove one of them")
        found[path.stem] = path
    if not found:
        raise DatasetError(f"{folder} holds no {', '.join(suffixes)} file; put the {folder.name} there")
    return found


def _check_masks(folder: Path, images: Mapping[str, Path], masks: Collection[str], stems: Stems) -> None:
    used = [stem for names in stems.values() for stem in names]
    bare = sorted(images[stem].name for stem in used if stem not in masks)
    if bare:
        example = folder / "masks" / f"{Path(bare[0]).stem}.png"
        fact = f"{len(bare)} of the images in {folder / 'images'} have no mask ({enumeration(bare)})"
        raise DatasetError(f"{fact}; add {example} and so on, or move the images to {folder / 'unlabelled'}")
