"""Picture files opened with care: of a known format, of a size that memory holds, upright as a person sees them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageFile, ImageOps

from ... import UserError, one_line
from ..dataset import DatasetError

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""What a file may be inside, whatever it is called; Pillow would hand others to programs such as Ghostscript."""
MOST_PIXELS = 100_000_000
"""Pixels that one picture may have: decoded, they are 300 MB."""

_EXIF_ORIENTATION = 0x0112
_EXIF_SIDEWAYS = (5, 6, 7, 8)


@contextmanager
def open_picture(file: Path | IO[bytes], name: str) -> Iterator[ImageFile.ImageFile]:
    """A picture file whose pixels are read inside the block; whatever goes wrong there names the file."""
    try:
        with _opened(file, name) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _too_large(name, f"is {image.width}x{image.height} pixels")
            yield image
    except DatasetError:
        raise
    except Exception as error:  # decoders raise whatever a broken file drives them into
        raise unreadable(name, error) from error


def decode(file: Path | IO[bytes], name: str) -> Image.Image:
    """A picture file as upright 8-bit RGB: EXIF orientation obeyed, grey repeated, what is transparent on white."""
    with open_picture(file, name) as image:
        return _rgb(ImageOps.exif_transpose(image))


def upright_size(file: Path) -> tuple[int, int]:
    """Width and height of a picture after its EXIF orientation, from the header where the format has it there."""
    with open_picture(file, str(file)) as image:
        width, height = image.size
        # Of a PNG, getexif() decodes all pixels; a square needs none of that.
        sideways = width != height and image.getexif().get(_EXIF_ORIENTATION) in _EXIF_SIDEWAYS
    return (height, width) if sideways else (width, height)


def laid_on(image: Image.Image, colour: str) -> Image.Image:
    """A picture in RGB, laid on a ground of this colour where it is transparent."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, colour)
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def unreadable(name: str, error: Exception) -> DatasetError:
    """The error that names a picture file that nothing can be read from."""
    return DatasetError(f"{name} cannot be read as a picture ({one_line(error)}); replace the file or take it out")


def _opened(file: Path | IO[bytes], name: str) -> ImageFile.ImageFile:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # said in a sentence of ours
        try:
            return Image.open(file, formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise _too_large(name, f"would become too large ({error})") from error


def _too_large(name: str, fact: str) -> DatasetError:
    most = f"{MOST_PIXELS // 10**6} million pixels are the most that a picture may have"
    return DatasetError(f"{name} {fact}, and {most}; make it smaller or take it out")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise UserError("its pixels are fractions, which have no black and white")
    if image.mode.startswith("I"):
        # convert() would clip 16-bit grey to white; the high byte is what Pillow keeps of 16-bit colour.
        deep = np.asarray(image).astype(np.int64)
        if deep.min() < 0 or deep.max() >= 2**16:
            raise UserError(f"its pixels go from {deep.min()} to {deep.max()}, and 16 bits are the most that are read")
        image = Image.fromarray((deep >> 8).astype(np.uint8))
    return laid_on(image, "white")
