"""Reading annotated exports: the pool of images that have a mask, and the codes that a generator made them from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open

from ..dataset import CROP, IGNORE, DatasetError, GeneratorIdentity, Split, Splits
from ..files.fit import squares
from ..files.listing import files_below, left_out
from ..files.masks import read_labels, square_masks
from .content import check_contents, file_content, image_content, mask_content
from .manifest import ExportManifest, damaged

if TYPE_CHECKING:
    from torch import Tensor

IMAGES = "images"
CODES = "codes.safetensors"
"""Codes of all exported images, in the order of the manifest."""
MASKS = "masks"
"""Folder of the masks of annotated images."""


class AnnotatedSplit:
    """The annotated images of an export, each made square by its fit."""

    def __init__(self, folder: Path, manifest: ExportManifest, fit: str = CROP) -> None:
        self.folder, self.manifest, self.fit = folder, manifest, fit
        self.stems = manifest.annotations

    def __len__(self) -> int:
        return len(self.stems)

    def name(self, index: int) -> str:
        """The name of the file and a hash of image and mask: one that is annotated anew is another shot."""
        return self._names[index]

    def files(self, index: int) -> tuple[Path, ...]:
        """The files that image and mask are read from."""
        return image_file(self.folder, self.stems[index]), mask_file(self.folder, self.stems[index])

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The images at `indices`, (N, 3, size, size) float32 in [0, 1]."""
        return squares([image_file(self.folder, self.stems[index]) for index in indices], size, self.fit)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their masks, (N, size, size) int64: class indices, or `IGNORE`."""
        return square_masks(
            read_labels, [mask_file(self.folder, self.stems[index]) for index in indices], size, self.fit
        )

    def own_mask(self, index: int) -> Tensor:
        """The whole mask (height, width) uint8 of an image: class indices, or `IGNORE`."""
        return torch.from_numpy(read_labels(mask_file(self.folder, self.stems[index]))).byte()

    def fitted(self, fit: str) -> AnnotatedSplit:
        """The same images, made square by another fit."""
        return type(self)(self.folder, self.manifest, fit)

    @cached_property
    def _names(self) -> list[str]:
        return [f"{stem}-{self._digest(index)}" for index, stem in enumerate(self.stems)]

    def _digest(self, index: int) -> str:
        image, mask = AnnotatedSplit.files(self, index)
        return hashlib.sha256(f"{image_content(image)} {mask_content(mask)}".encode()).hexdigest()[:8]


class GeneratedSplit(AnnotatedSplit):
    """The same of images that a generator made."""

    @property
    def maker(self) -> GeneratorIdentity:
        """The generator."""
        assert self.manifest.maker is not None
        return self.manifest.maker

    def files(self, index: int) -> tuple[Path, ...]:
        """Image and mask, and the codes that maps are read from."""
        return *super().files(index), self.folder / CODES

    def codes(self, indices: Sequence[int]) -> Mapping[str, Tensor]:
        """What it made the images at `indices` from: named float tensors, image first."""
        rows = [self.manifest.images.index(self.stems[index]) for index in indices]
        return {name: code[rows] for name, code in self._codes.items()}

    @cached_property
    def _codes(self) -> dict[str, Tensor]:
        codes = read_codes(self.folder)
        short = [name for name, code in codes.items() if len(code) != len(self.manifest.images)]
        if short:
            count = f"{len(codes[short[0]])} codes for {len(self.manifest.images)} images"
            raise DatasetError(f"{self.folder / CODES} holds {count}; export the images again")
        return codes


@dataclass(frozen=True)
class IgnoredMasks:
    """Images of a split whose masks are of other classes: every pixel is `IGNORE`, so that nothing is scored."""

    split: Split

    def __len__(self) -> int:
        return len(self.split)

    def name(self, index: int) -> str:
        return self.split.name(index)

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        return self.split.images(indices, size)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        return torch.full((len(indices), size, size), IGNORE)


def image_file(folder: Path, stem: str) -> Path:
    """Where an exported image lies."""
    return folder / IMAGES / f"{stem}.png"


def mask_file(folder: Path, stem: str) -> Path:
    """Where its mask lies once it is annotated."""
    return folder / MASKS / f"{stem}.png"


def read_codes(folder: Path) -> dict[str, Tensor]:
    """The codes of an export, all images of each name."""
    path = folder / CODES
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  safe_open iterates over nothing
    except FileNotFoundError:
        raise DatasetError(f"there is no {path}; export the images again") from None
    except (OSError, SafetensorError) as error:
        raise damaged(path, error) from None


def check_exported(folder: Path, manifest: ExportManifest, stems: Sequence[str]) -> None:
    """Refuse images, or codes of all of them, that have changed since they were exported."""
    names = [f"{IMAGES}/{stem}.png" for stem in stems]
    kept = {name: manifest.contents[name] for name in names if name in manifest.contents}
    check_contents(folder, kept, "images", image_content, "export the images again")
    codes = {name: content for name, content in manifest.contents.items() if name == CODES}
    check_contents(folder, codes, "files", file_content, "export the images again")


def check_masks(folder: Path, manifest: ExportManifest) -> None:
    """Refuse masks that have changed since they were imported."""
    names = [f"{MASKS}/{stem}.png" for stem in manifest.annotations]
    kept = {name: manifest.contents.get(name, "") for name in names} if manifest.contents else {}
    mend = f"run partbench annotate import {folder} {folder / MASKS} to take the masks as they are"
    check_contents(folder, kept, "masks", mask_content, mend)


def join_base(folder: Path, manifest: ExportManifest, base: Splits, judged: bool, fit: str) -> Splits:
    """The annotated images as the pool of another dataset's splits."""
    if not manifest.annotations:
        mend = f"annotate some and run partbench annotate import {folder}"
        raise DatasetError(f"no image of {folder} is annotated yet; {mend}")
    check_exported(folder, manifest, manifest.annotations)
    check_masks(folder, manifest)
    held = manifest.maker is not None and (folder / CODES).exists()
    pool = (GeneratedSplit if held else AnnotatedSplit)(folder, manifest, fit)
    others = {name: getattr(base, name) for name in ("test", "validation")}
    if not judged:
        others = {name: split and IgnoredMasks(split) for name, split in others.items()}
    named = {f"{stem}.png" for stem in manifest.annotations}
    unnamed = left_out(folder / MASKS, files_below(folder / MASKS), named, "masks")
    notes = (*base.notes, *unnamed)
    return Splits(pool, others["test"], others["validation"], base.unlabelled, notes, base.remarks)
