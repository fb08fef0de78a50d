"""Which files of a folder belong together, and which split each pair belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..dataset import DatasetError
from ..files.hints import enumeration, hint
from ..files.images import SUFFIXES
from ..files.listing import composed, files_below, left_out
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
        return composed(self.image.stem)


def split_pairs(folder: Path) -> tuple[dict[str, list[ImageMaskPair]], tuple[str, ...]]:
    """The pairs of image and mask of each split, as splits.json says or half pool and half test; what is left out."""
    images, of_images = _by_stem(folder / "images", SUFFIXES, "images")
    masks, of_masks = _by_stem(folder / "masks", (".png",), "masks")
    path = find_json(folder, "splits.json")
    stems = read_splits(path, images) if path else drawn_splits(images)
    _check_masks(folder, images, masks, stems)
    for split in ("pool", "test"):
        if not stems.get(split):
            fact = f"{folder} has {len(images)} images and none of them falls into the {split} split"
            raise DatasetError(f"{fact}; add images, or list both splits in a splits.json, as {_EXAMPLE}")
    pairs = {split: [ImageMaskPair(images[stem], masks[stem]) for stem in names] for split, names in stems.items()}
    return pairs, (*of_images, *of_masks, *_unused(images, masks, stems))


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
    return hashlib.sha256(f"{SEED}/{composed(stem)}".encode()).digest()


def _check_listed(path: Path, name: str, split: str, owner: Mapping[str, str], stems: Collection[str]) -> None:
    if name not in stems:
        mend = "write names as in images/, without their endings" if Path(name).stem in stems else "mend the name"
        raise DatasetError(f"{path} lists '{name}' in {split}, and images/ has no such image; {mend}")
    if name in owner:
        both = f"in {owner[name]} and in {split}" if owner[name] != split else f"twice in {split}"
        raise DatasetError(f"{path} lists '{name}' {both}; take one of them out")


def _by_stem(folder: Path, suffixes: tuple[str, ...], what: str) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The files that end so by their composed stems, and what is said of the others."""
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {folder}; put the {what} there")
    files, found = files_below(folder), dict[str, Path]()
    for path in (folder / name for name in files if "/" not in name):
        if path.suffix.lower() not in suffixes or path.name.startswith(".") or not path.is_file():
            continue
        stem = composed(path.stem)
        if stem in found:
            raise DatasetError(f"{found[stem]} and {path} share one name; rename or remove one of them")
        found[stem] = path
    notes = left_out(folder, files, {path.name for path in found.values()}, what, inside=False)
    if not found:
        there = f" ({notes[0]})" if notes else ""
        raise DatasetError(f"{folder} holds no {', '.join(suffixes)} file{there}; put the {what} there")
    return found, notes


def _check_masks(folder: Path, images: Mapping[str, Path], masks: Collection[str], stems: Stems) -> None:
    used = [stem for names in stems.values() for stem in names]
    bare = sorted(images[stem].name for stem in used if stem not in masks)
    if bare:
        fact = f"{len(bare)} of the images in {folder / 'images'} have no mask ({enumeration(bare)})"
        raise DatasetError(f"{fact}; {_mend(folder, Path(bare[0]).stem)}")


def _mend(folder: Path, stem: str) -> str:
    """What to do about an image without a mask."""
    wanted = folder / "masks" / f"{stem}.png"
    other = next((path for path in wanted.parent.iterdir() if path.stem.casefold() == stem.casefold()), None)
    if other is None:
        return f"add {wanted} and so on, or move the images to {folder / 'unlabelled'}"
    return f"there is {other}: {'rename it to' if other.suffix.lower() == '.png' else 'save it as'} {wanted.name}"


def _unused(images: Mapping[str, Path], masks: Mapping[str, Path], stems: Stems) -> tuple[str, ...]:
    """What is said of images that no split names, and of masks whose image is not read."""
    used = {stem for names in stems.values() for stem in names}
    left = [images[stem].name for stem in images if stem not in used]
    alone = [masks[stem].name for stem in masks if stem not in images]
    notes = [f"splits.json leaves out {len(left)} of {len(images)} images: {enumeration(left)}"] if left else []
    if alone:
        notes.append(f"{len(alone)} of {len(masks)} masks have no image that is read: {enumeration(alone)}")
    return tuple(notes)
