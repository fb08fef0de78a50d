"""Writing exports and their masks: whole folders or nothing, so that neither a kill nor a bad file loses work."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from safetensors.torch import save_file

from ..dataset import DatasetError
from ..files.decoding import upright_size
from ..files.masks import Labels
from . import coco, labelme
from .content import file_content, image_content, labels_content
from .manifest import NAME, ExportManifest
from .painted import Colours, as_png
from .split import CODES, IMAGES, MASKS, image_file

if TYPE_CHECKING:
    from torch import Tensor

PAINTED = "painted"
"""Folder of the index PNGs to paint over."""
COCO = "coco.json"
"""The COCO file to begin with."""
LABELS = "labels.txt"


@contextmanager
def new_export(folder: Path) -> Iterator[Path]:
    """A folder to write an export into, which takes its place once all of it is written."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder} is there already and not empty; name another folder with --out")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / IMAGES).mkdir(parents=True)
    try:
        yield part
        if folder.exists():
            folder.rmdir()
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_image(folder: Path, stem: str, image: Image.Image) -> None:
    """Write one RGB image of an export."""
    image.save(image_file(folder, stem), "PNG")


def write_manifest(folder: Path, manifest: ExportManifest) -> None:
    """Write the manifest in one move."""
    part = folder / (NAME + ".part")
    part.write_text(manifest.as_json(), encoding="utf-8")
    os.replace(part, folder / NAME)


def complete(folder: Path, manifest: ExportManifest, codes: Mapping[str, Tensor], colours: Colours) -> None:
    """Write what stands beside the images: codes, the skeleton to annotate, the manifest."""
    if codes:
        save_file({name: code.contiguous().clone() for name, code in codes.items()}, folder / CODES)
    known = replace(manifest, contents=exported_contents(folder, manifest))
    _write_skeleton(folder, known, colours)
    write_manifest(folder, known)


def exported_contents(folder: Path, manifest: ExportManifest) -> dict[str, str]:
    """Hashes of the images of an export and of their codes, by the names of the files."""
    files = [image_file(folder, stem) for stem in manifest.images]
    contents = {file.relative_to(folder).as_posix(): image_content(file) for file in files}
    return contents | ({CODES: file_content(folder / CODES)} if (folder / CODES).exists() else {})


def _write_skeleton(folder: Path, manifest: ExportManifest, colours: Colours) -> None:
    sizes = [upright_size(image_file(folder, stem)) for stem in manifest.images]
    if manifest.kind == "coco":
        (folder / COCO).write_text(coco.skeleton(manifest, sizes), encoding="utf-8")
    elif manifest.kind == "png":
        (folder / PAINTED).mkdir()
        for stem, (width, height) in zip(manifest.images, sizes, strict=True):
            blank = np.full((height, width), manifest.under_no_shape)
            (folder / PAINTED / f"{stem}.png").write_bytes(as_png(blank, colours))
    else:
        (folder / LABELS).write_text(labelme.label_file(manifest), encoding="utf-8")
        for stem, size in zip(manifest.images, sizes, strict=True):
            file = image_file(folder, stem).with_suffix(".json")
            content = manifest.contents[f"{IMAGES}/{stem}.png"]
            file.write_text(labelme.skeleton(stem, *size, content), encoding="utf-8")


def write_masks(
    folder: Path, manifest: ExportManifest, masks: Mapping[str, Labels], colours: Colours
) -> ExportManifest:
    """Put these masks in the place of all that there were; the manifest that says so."""
    chosen = tuple(stem for stem in manifest.images if stem in masks)
    part = folder / "masks.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    for stem in chosen:
        (part / f"{stem}.png").write_bytes(as_png(masks[stem], colours))
    shutil.rmtree(folder / MASKS, ignore_errors=True)
    os.replace(part, folder / MASKS)
    exported = {name: of for name, of in manifest.contents.items() if not name.startswith(f"{MASKS}/")}
    contents = exported or exported_contents(folder, manifest)
    imported = {f"{MASKS}/{stem}.png": labels_content(masks[stem]) for stem in chosen}
    annotated = replace(manifest, annotations=chosen, contents=contents | imported)
    write_manifest(folder, annotated)
    return annotated


def check_unique_names(stems: Sequence[str]) -> None:
    """Refuse two pictures whose names would be one file."""
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise DatasetError(f"two pictures would be called {twice}.png; rename one of them")
