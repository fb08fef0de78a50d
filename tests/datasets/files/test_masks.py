"""Mask files hold the numbers that were written into them, whatever their depth, palette and orientation."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from partbench.datasets.dataset import DatasetError
from partbench.datasets.files.masks import read_labels, read_lit

ORIENTATION = 0x0112
LABELS = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 0, 2]])


def write_png(path: Path, labels: np.ndarray, bits: int, palette: bool = False) -> None:
    """A PNG of so many bits a pixel, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = []
    for row in labels.tolist():
        text = "".join(f"{value:0{bits}b}" for value in row)
        rows.append(b"\0" + int(text.ljust(-len(text) % 8 + len(text), "0"), 2).to_bytes(-(-len(text) // 8), "big"))
    header = struct.pack(">IIBBBBB", labels.shape[1], labels.shape[0], bits, 3 if palette else 0, 0, 0, 0)
    colours = chunk(b"PLTE", bytes(i % 256 for i in range(3 * 2**bits))) if palette else b""
    packed = chunk(b"IDAT", zlib.compress(b"".join(rows)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + colours + packed + chunk(b"IEND", b""))


@pytest.mark.parametrize("palette", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_every_depth_gives_the_numbers_that_were_written(tmp_path: Path, bits: int, palette: bool) -> None:
    """Grey of 2 bits is no 0, 85, 170 and 255, of which the last would be ignored; a palette has 8 bits at most."""
    if palette and bits == 16:
        pytest.skip("there is no palette of 16 bits")
    labels = LABELS.clip(max=2**bits - 1)
    write_png(tmp_path / "m.png", labels, bits, palette)
    assert read_labels(tmp_path / "m.png").tolist() == labels.tolist()


@pytest.mark.parametrize("mode", ["L", "P", "1", "I;16"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_stands_upright_as_its_exif_says(tmp_path: Path, mode: str, orientation: int) -> None:
    """A tool that copies the photograph's EXIF into the mask turns both, as every viewer does."""
    labels = LABELS.clip(max=1).astype(np.uint16 if mode == "I;16" else np.uint8)
    image = Image.fromarray(labels * 255).convert("1") if mode == "1" else Image.fromarray(labels)
    if mode == "P":
        image.putpalette([0, 0, 0, 9, 9, 9])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(tmp_path / "m.png", exif=exif)
    shown: Any = Image.fromarray(labels.astype(np.uint8))
    shown.getexif()[ORIENTATION] = orientation
    assert read_labels(tmp_path / "m.png").tolist() == np.asarray(ImageOps.exif_transpose(shown)).tolist()


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP", "TIFF"])
def test_a_mask_is_a_png_inside(tmp_path: Path, kind: str) -> None:
    """Another format under the name of a PNG is refused: it may have been blurred."""
    Image.fromarray(LABELS.astype(np.uint8)).save(tmp_path / "m.png", kind)
    with pytest.raises(DatasetError, match=rf"m\.png is a {kind} inside, which may .*; save the mask as an index PNG"):
        read_labels(tmp_path / "m.png")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_colours_and_alpha_are_no_class_numbers(tmp_path: Path, mode: str) -> None:
    """They are refused with what they are."""
    Image.fromarray(LABELS.astype(np.uint8)).convert(mode).save(tmp_path / "m.png")
    with pytest.raises(DatasetError, match=rf"m\.png holds colours \({mode}\) where"):
        read_labels(tmp_path / "m.png")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "LA", "RGBA", "I;16"])
def test_a_part_is_lit_where_anything_is_seen(tmp_path: Path, mode: str) -> None:
    """In every mode, upright; what is transparent is not seen."""
    lit = LABELS > 0
    grey = Image.fromarray((lit * 255).astype(np.uint8))
    image = Image.fromarray(lit.astype(np.uint16)) if mode == "I;16" else grey.convert(mode)
    if mode in ("LA", "RGBA"):
        image = Image.merge(mode, [Image.new("L", grey.size, 255)] * (len(mode) - 1) + [grey])
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    image.save(tmp_path / "m.png", exif=exif)
    assert read_lit(tmp_path / "m.png").tolist() == lit[::-1, ::-1].tolist()
