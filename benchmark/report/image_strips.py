"""The pictures of a run as strips, one picture below the other in one PNG, as a page can hold them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..gallery import RECONSTRUCTIONS, picture_file, read_pictures
from ..metrics.confusion import IGNORE
from ..pictures import PALETTE, to_picture
from ..plan import NO_HEAD
from ..results import Key
from .breakdowns import image_scores
from .run_data import RunData

LARGEST = 96
"""Side of one picture on the page, pixels; larger ones are made smaller."""
MOST = 2_500_000
"""Characters of predictions that a page may hold; what does not fit stays in the run's folder."""

Masks = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class ReconstructionStrips:
    """The originals, reconstructions and errors of a backbone, as strips."""

    backbone: str
    count: int
    original: str
    rebuilt: str
    error: str


@dataclass(frozen=True)
class ImageStrips:
    """Images, truth and predictions of the first draw, as strips (base64 PNG)."""

    count: int
    """Test images that there are pictures of."""
    images: str
    truth: str
    predictions: Mapping[Key, str]
    scores: Mapping[Key, list[float]]
    """Of every image, in per cent, beside its prediction."""
    rebuilt: list[ReconstructionStrips]
    left_out: int = 0
    """Predictions that would have made the page too large."""
    pictures: Mapping[str, Mapping[str, NDArray[Any]]] = field(default_factory=dict)
    """What the strips were made of, by backbone."""


def read_gallery(content: RunData) -> ImageStrips | None:
    """The pictures of a run; None if it kept none, and without those that do not belong to its scores."""
    kept = {backbone: read_pictures(picture_file(content.path, backbone)) for backbone in content.backbones}
    kept = {backbone: pictures for backbone, pictures in kept.items() if _sound(pictures, content)}
    if not kept:
        return None
    first = max(kept.values(), key=lambda pictures: len(pictures["images"]))
    predictions, scores, left_out = _predictions(content, kept, first["truth"])
    return ImageStrips(
        count=len(first["images"]),
        images=strip([to_picture(image) for image in first["images"]]),
        truth=strip(list(first["truth"]), masks=True),
        predictions=predictions,
        scores=scores,
        rebuilt=[_rebuilt(name, kept[name]) for name, _, _ in content.best_heads() if _has(kept, name)],
        left_out=left_out,
        pictures=kept,
    )


def _sound(pictures: Mapping[str, NDArray[Any]], content: RunData) -> bool:
    images, truth = pictures.get("images"), pictures.get("truth")
    if images is None or truth is None or images.ndim != 4 or truth.ndim != 3:
        return False
    return 0 < len(images) == len(truth) <= content.images and images.shape[1] == 3


def _has(kept: Mapping[str, Mapping[str, NDArray[Any]]], backbone: str) -> bool:
    pictures = kept.get(backbone, {})
    return RECONSTRUCTIONS in pictures and pictures[RECONSTRUCTIONS].shape == pictures["images"].shape


def _predictions(
    content: RunData, kept: Mapping[str, Mapping[str, NDArray[Any]]], truth: Masks
) -> tuple[dict[Key, str], dict[Key, list[float]], int]:
    """Strips of all predictions as far as they fit, those of the best heads with most shots first."""
    keys = dict.fromkeys(content.best_heads()) | dict.fromkeys(sorted(content.groups, key=lambda key: -key[2]))
    strips: dict[Key, str] = {}
    scores: dict[Key, list[float]] = {}
    size = left_out = 0
    for key in keys:
        guess = kept.get(key[0], {}).get(f"{key[1]} {key[2]}")
        group = content.groups[key]
        if guess is None or key[1] == NO_HEAD or group[0].cell.draw or guess.shape[1:] != truth.shape[1:]:
            continue
        made = strip(list(np.where(truth[: len(guess)] == IGNORE, IGNORE, guess)), masks=True)
        if size + len(made) > MOST:
            left_out += 1
            continue
        size += len(made)
        strips[key] = made
        scores[key] = [float(score) for score in image_scores(group[:1], content.metrics[0])[0]]
    return strips, scores, left_out


def _rebuilt(backbone: str, pictures: Mapping[str, NDArray[Any]]) -> ReconstructionStrips:
    images, rebuilt = pictures["images"], pictures[RECONSTRUCTIONS]
    return ReconstructionStrips(
        backbone,
        len(images),
        strip([to_picture(image) for image in images]),
        strip([to_picture(image) for image in rebuilt]),
        strip([error_picture(image, again) for image, again in zip(images, rebuilt, strict=True)]),
    )


def error_picture(image: NDArray[np.floating[Any]], rebuilt: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """By how much an image (3, h, w) in [0, 1] is missed: (h, w), black where it is met, white from a half on."""
    grey: NDArray[np.uint8] = to_picture(2 * np.abs(image - rebuilt).mean(0)[None])[..., 0]
    return grey


def strip(pictures: list[NDArray[Any]], masks: bool = False) -> str:
    """Pictures (h, w, 3) or (h, w), or masks in the colours of their classes, below each other: PNG in base64."""
    joined = Image.fromarray(np.concatenate(pictures).astype(np.uint8))
    side = pictures[0].shape[1]
    if side > LARGEST:
        how = Image.Resampling.NEAREST if masks else Image.Resampling.BOX
        joined = joined.resize((LARGEST, LARGEST * len(pictures)), how)
    if masks:
        joined = _coloured(np.asarray(joined))
    buffer = BytesIO()
    joined.save(buffer, "PNG", compress_level=6)
    return b64encode(buffer.getvalue()).decode()


def _coloured(masks: NDArray[np.uint8]) -> Image.Image:
    """Masks as a picture with a palette, which takes far fewer bytes than one in colour; black without a label."""
    indices = np.where(masks == IGNORE, len(PALETTE), masks % len(PALETTE)).astype(np.uint8)
    picture = Image.fromarray(indices)
    picture.putpalette(np.append(PALETTE, np.zeros((1, 3), np.uint8), 0).tobytes())
    return picture
