"""The pretraining images of a backbone, from hashes beside its weights or its model card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from ... import UserError, one_line
from ...backbones.backbone import Backbone
from ..files import UNREADABLE, write_atomic
from .checkpoints import PretrainError
from .model_card import read_metadata
from .perceptual_hash import Hashes

MEND = "a backbone of partbench pretrain brings the hashes of its images"


@dataclass(frozen=True)
class PretrainingImages:
    """A backbone's pretraining images: hashes, or why they are unknown."""

    text: str = ""
    """What they are, in a few words."""
    hashes: Hashes | None = None
    """Their perceptual hashes (n,), where they are known one by one."""
    unknown: str = ""
    """Why a test image might be among them without anybody knowing; empty if that cannot be."""
    evidence: tuple[str, ...] = ()


def hashes_file(weights: Path) -> Path:
    """Where the hashes of the images that a weights file learnt from lie: beside it."""
    return weights.with_suffix(".phash")


def write_hashes(weights: Path, hashes: Hashes) -> None:
    """Write the hashes (n,) of the images that these weights have learnt from, as numpy keeps an array."""
    buffer = BytesIO()
    np.save(buffer, hashes.astype("<u8"), allow_pickle=False)
    write_atomic(hashes_file(weights), buffer.getvalue())


def read_hashes(weights: Path) -> Hashes | None:
    """The hashes that lie beside a weights file; None if none do, a ValueError if they are damaged."""
    file = hashes_file(weights)
    if not file.exists():
        return None
    try:
        hashes = np.load(BytesIO(file.read_bytes()), allow_pickle=False)
        if hashes.ndim != 1 or hashes.dtype != np.dtype("<u8"):
            raise UserError(f"an array of {hashes.dtype} of shape {hashes.shape}")
    except UNREADABLE as error:
        raise UserError(f"{file.name} is damaged ({one_line(error)})") from None
    return np.asarray(hashes, dtype=np.uint64)


def pass_hashes_on(earlier: Path, weights: Path) -> None:
    """Lay the hashes of the weights that a training begins with beside those that it will write, or none."""
    try:
        hashes = read_hashes(earlier)
    except ValueError:
        hashes = None
    if hashes is None:
        hashes_file(weights).unlink(missing_ok=True)
    else:
        write_hashes(weights, hashes)


def pretraining_of(backbone: Backbone, dataset: str) -> PretrainingImages:
    """What a backbone has learnt from, seen from a run on this dataset."""
    if not backbone.learnt:
        return PretrainingImages(f"{backbone.name} learnt from no image")
    if not backbone.weights:
        return PretrainingImages(unknown="it was trained elsewhere, and names no weights file", evidence=(MEND,))
    # Several files are one network, and whoever knows what it learnt from lays that beside the first.
    file = backbone.weights if isinstance(backbone.weights, Path) else backbone.weights[0]
    try:
        hashes = read_hashes(file)
    except ValueError as error:
        return PretrainingImages(unknown=str(error), evidence=(MEND,))
    if hashes is not None:
        return PretrainingImages(f"{backbone.name} learnt from {len(hashes)} images, each compared by its look", hashes)
    return _from_card(backbone.name, file, dataset)


def _from_card(name: str, weights: Path, dataset: str) -> PretrainingImages:
    """What the card inside a weights file says; it is enough for the unlabelled images of the run's own dataset."""
    try:
        card = read_metadata(weights)
    except PretrainError as error:
        return PretrainingImages(
            unknown="its weights file has no card that can be read, and no hashes beside it", evidence=(str(error),)
        )
    facts = [f"{key}: {card[key]}" for key in ("images", "began with", "converted from") if key in card]
    if all(_of(images) == dataset for images in learnt_from(card)):
        return PretrainingImages(f"{name} learnt from the unlabelled images of {dataset}")
    if _of(card.get("images", "")) == dataset:
        why = "it began with other weights, whose images its card does not say or which are of another dataset"
    else:
        why = f"its card says {facts[0]!r}" if facts else "its card says nothing of them"
    return PretrainingImages(unknown=f"{why}, and no hashes of them lie beside it", evidence=(*facts, MEND))


def learnt_from(card: Mapping[str, str]) -> list[str]:
    """The images of a card, and of the weights that its training began with."""
    images = [card.get("images", "unknown images")]
    if began := card.get("began with"):
        earlier = re.search(r"; it learnt from ([^;]*)", began)
        images += earlier[1].split(" and ") if earlier else ["unknown images"]
    return images


def _of(images: str) -> str:
    """The dataset in `20000 of faces at 64 pixels`; a path is none, since a card keeps only its end."""
    found = re.fullmatch(r"\d+ of ([\w-]+) at \d+ pixels(, mirrored too)?", images)
    return found[1] if found else ""
