"""Inference of a segmenter on pictures of any size, and its output files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...datasets.files.fit import own_classes, square
from ...heads.head import likeliest
from ..files import write_atomic
from ..pictures import PALETTE, Picture, paint
from .model import Segmenter

Mask = NDArray[np.uint8]
"""(h, w), class indices."""
BACKGROUND = "background"
"""The class that an overlay leaves as it is."""
OPACITY = 0.55
"""Of the classes' colours on an overlay."""
MOST = 2**22
"""Most pixels of the pictures that go through the network at once, on a CPU or a small GPU."""


def reading_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Height and width at which a picture is read: its shorter side becomes `side`."""
    factor = side / min(width, height)
    return max(1, round(height * factor)), max(1, round(width * factor))


def as_tensor(picture: Image.Image) -> Tensor:
    """An RGB picture as (3, h, w) in [0, 1]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255


def segment(segmenter: Segmenter, pictures: Tensor, side: int) -> Mask:
    """Class indices (N, h, w) of pictures (N, 3, h, w), read with their shorter side at `side` pixels."""
    height, width = pictures.shape[-2:]
    size = reading_size(width, height, side)
    read = pictures.to(segmenter.device)
    if size != (height, width):
        smaller = size[0] < height
        read = F.interpolate(read, size, mode="bilinear", antialias=smaller, align_corners=False).clamp(0, 1)
    step = max(1, MOST // (size[0] * size[1]))
    masks = [_classes(segmenter(part), height, width) for part in read.split(step)]
    found: Mask = torch.cat(masks).cpu().numpy()
    return found


def segment_squares(segmenter: Segmenter, images: Sequence[Image.Image], side: int) -> list[Mask]:
    """Class indices (h, w) of each picture, read into a square of `side` pixels as those that the segmenter knows."""
    logits = segmenter(torch.stack([square(image, side, segmenter.fit) for image in images]))
    pairs = zip(logits, images, strict=True)
    return [own_classes(one, *image.size, segmenter.fit).cpu().numpy() for one, image in pairs]


def _classes(logits: Tensor, height: int, width: int) -> Tensor:
    """The likeliest class of every pixel, at the picture's own size."""
    if logits.shape[-2:] != (height, width):
        logits = F.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
    return likeliest(logits).byte()


def overlay(picture: NDArray[np.uint8], mask: Mask, classes: tuple[str, ...]) -> Picture:
    """A picture (h, w, 3) with the colours of its parts over it; the background stays as it is."""
    parts = mask != classes.index(BACKGROUND) if BACKGROUND in classes else np.ones(mask.shape)
    shown = OPACITY * parts[..., None]
    blended = picture * (1 - shown) + paint(mask) * shown
    return blended.round().astype(np.uint8)


def write_mask(path: Path, mask: Mask) -> None:
    """Write an index PNG whose palette has the classes' colours, whole or not at all."""
    image = Image.fromarray(mask)
    colours: NDArray[Any] = PALETTE[np.arange(256) % len(PALETTE)]
    image.putpalette(colours.tobytes())
    _write(path, image)


def read_mask(path: Path) -> Mask | None:
    """The mask that `write_mask` wrote; None where there is none that can be read."""
    try:
        with Image.open(path) as image:
            return np.array(image)
    except (OSError, SyntaxError):  # Pillow's word for a broken PNG
        return None


def write_picture(path: Path, picture: Picture) -> None:
    """Write a PNG, whole or not at all."""
    _write(path, Image.fromarray(picture))


def _write(path: Path, image: Image.Image) -> None:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    write_atomic(path, buffer.getvalue())
