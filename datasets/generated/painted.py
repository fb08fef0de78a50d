"""Painted masks: index PNGs whose values are class indices, painted over in any program.

Programs renumber a palette when they save it, or drop it for true colours. What a person sees stays the same, so a
colour counts by itself wherever the palette is not the exported one.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..dataset import IGNORE, DatasetError
from ..files.decoding import open_picture
from ..files.hints import enumeration
from ..files.masks import Labels, read_labels
from .found import FoundAnnotations
from .labels import AnnotationReader

Colours = Sequence[Sequence[int]]
"""Red, green and blue of each class, 0 to 255."""
Pixels = NDArray[np.uint8]
IGNORED_COLOUR = (255, 255, 255)
UNSCORED = "masks with nothing on them but what is not to be scored"


def as_png(labels: Labels, colours: Colours) -> bytes:
    """A mask (height, width) of class indices as an index PNG that shows them in these colours."""
    image = Image.fromarray(labels.astype(np.uint8), "L")
    image.putpalette(_palette(colours).tobytes())
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def read_painted(files: Sequence[Path], reading: AnnotationReader, colours: Colours) -> FoundAnnotations:
    """The masks in some files; one that is as blank as it was exported is no annotation."""
    found = FoundAnnotations()
    seen: dict[str, Path] = {}
    under = reading.manifest.under_no_shape
    for file in files:
        stem, labels = reading.stem(file.name, str(file)), _read(file, colours)
        if seen.setdefault(stem, file) != file:
            raise DatasetError(f"{seen[stem]} and {file} are both of {stem}.png; take one of them out")
        reading.size(stem, labels.shape, str(file))
        values = np.unique(labels).tolist()
        _check_values(values, len(reading.manifest.classes), file)
        if values != [under]:
            found.masks[stem] = labels
            reading.check_picture(found, stem, {}, str(file))  # a mask does not say what it is of
            if not {*values} - {under, IGNORE}:
                found.note(UNSCORED, f"{file.name}, {(labels == IGNORE).mean():.0%} of it")
    return reading.finish(found)


def _check_values(values: Sequence[int], classes: int, file: Path) -> None:
    strange = [value for value in values if value != IGNORE and not 0 <= value < classes]
    if strange:
        what = f"{file} holds {enumeration(strange)}, which is no class"
        raise DatasetError(f"{what}; paint with 0 to {classes - 1}, or {IGNORE} for what is not to be scored")


def _read(file: Path, colours: Colours) -> Labels:
    """The class indices (height, width) of a file: its values, or the classes of its colours."""
    with open_picture(file, str(file)) as opened:
        image = ImageOps.exif_transpose(opened)
        if opened.format != "PNG" or (image.mode not in ("P", "RGB", "RGBA") and "transparency" not in image.info):
            return read_labels(file)
        numbers, shown = np.asarray(image).astype(np.int64), np.asarray(image.convert("RGBA"))
    if (shown[..., 3] < IGNORE).any():
        share = f"{(shown[..., 3] < IGNORE).mean():.0%} of it"
        raise DatasetError(f"{file} is transparent ({share}), and nothing is no class; save it without transparency")
    if image.mode == "P" and _kept(image, colours):
        labels: Labels = numbers
        return labels
    return _by_colour(shown[..., :3], colours, file)


def _kept(image: Image.Image, colours: Colours) -> bool:
    """Whether a palette is the exported one, or a ramp of greys whose numbers are all that it says."""
    palette = np.zeros((256, 3), np.uint8)
    table = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    palette[: len(table)] = table
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    return bool((palette[: len(colours)] == colours).all() or (table == ramp[: len(table)]).all())


def _by_colour(shown: Pixels, colours: Colours, file: Path) -> Labels:
    """The class of every pixel by its colour; a colour of no class, or of two, is refused."""
    known = {**_classes_of(colours), IGNORED_COLOUR: [IGNORE]}
    used, where = np.unique(shown.reshape(-1, 3), axis=0, return_inverse=True)
    classes = [known.get(tuple(colour), []) for colour in used.tolist()]
    wrong = [f"({', '.join(map(str, c))})" for c, of in zip(used.tolist(), classes, strict=True) if len(of) != 1]
    if wrong:
        fact = f"{file} has not the exported palette, and its colours {enumeration(wrong)} are not each one class"
        raise DatasetError(f"{fact}; paint with the palette of the exported PNG, or save class numbers as grey values")
    labels: Labels = np.array([of[0] for of in classes])[where.reshape(-1)].reshape(shown.shape[:2])
    return labels


def _classes_of(colours: Colours) -> dict[tuple[int, ...], list[int]]:
    """The classes of each colour; with many of them, two may have the same."""
    classes: dict[tuple[int, ...], list[int]] = {}
    for k, colour in enumerate(colours):
        classes.setdefault(tuple(colour), []).append(k)
    return classes


def _palette(colours: Colours) -> Pixels:
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(colours)] = colours
    palette[IGNORE] = IGNORED_COLOUR
    return palette
