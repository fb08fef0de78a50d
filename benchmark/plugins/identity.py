"""What a record is at this moment: who offers it, by which code, with which weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...backbones.backbone import Backbone
from ...datasets.dataset import Dataset, FileBacked
from ..file_hashes import file_hash, weights_hash
from .calls import plugin_call
from .catalogue import Offer
from .code_identity import code_hash
from .run_signoffs import NOUNS, note
from .signoff import Subject

CHECKED = 200
"""Images of a split whose files tell it from another, about as many as checks look at."""


def note_offers(run: Path, *shelves: Mapping[str, Offer[Any]]) -> None:
    """Note what a run crosses: backbones, heads and data, by their names."""
    crossed = [{name: subject_of(offer) for name, offer in shelf.items()} for shelf in shelves]
    note(run, dict(zip(NOUNS, crossed, strict=True)))


def subject_of(offer: Offer[Any]) -> Subject:
    """What a sign-off of an offer is of; reads its weights, or files of its images and masks, for their hash."""
    record = offer.record
    weights = weights_hash(record.weights, record.upsampler) if isinstance(record, Backbone) else None
    data = data_hash(record) if isinstance(record, Dataset) else None
    return Subject(offer.provider, weights, data, code_hash(offer))


def data_hash(dataset: Dataset) -> str | None:
    """Hash of images and masks, up to 200 of each split, and of all names; None of images that lie in no files."""
    digest, files = hashlib.sha256(json.dumps([dataset.name, *dataset.classes]).encode()), set[Path]()
    try:
        with plugin_call(dataset.name):
            splits = dataset.load()
            for split in (splits.pool, splits.test, splits.validation):
                if isinstance(split, FileBacked):
                    names = [split.name(row) for row in range(len(split))]
                    digest.update(json.dumps(names).encode())
                    files |= {
                        file for row in range(0, len(names), 1 + len(names) // CHECKED) for file in split.files(row)
                    }
        for file in sorted(files):
            digest.update(file_hash(file).encode())
    except Exception:  # whatever is wrong with it, its checks say so
        return None
    return digest.hexdigest()[:16] if files else None
