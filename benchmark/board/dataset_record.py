"""What a board knows of the images of one protocol: digests by name, and every test image's pixels of each class.

The hash in the folder's name is of the classes and of all digests, so it binds both; the pixels are bound by every
submission, whose confusions must have them as their row sums, and of drawn images by what partbench ships.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ... import one_line
from ..contents import Contents, contents_hash
from ..files import UNREADABLE
from ..metrics.confusion import truth_pixels
from ..results import CellResult
from .layout import FORMAT, BoardError, at
from .submission import Submission, read_json

Pixels = tuple[tuple[int, ...], ...]
"""Of every class in every test image."""


@dataclass(frozen=True)
class DatasetRecord:
    """The images that the submissions of one folder were scored on."""

    name: str
    classes: tuple[str, ...]
    excluded: tuple[str, ...]
    split: str
    """Whose images are scored; shots are from `pool`."""
    contents: Contents
    truth: Pixels
    """By test image, in the order of `contents`."""

    @property
    def data(self) -> str:
        """The hash by which every submission calls these images."""
        return contents_hash(self.classes, self.excluded, self.contents)

    @property
    def folder(self) -> str:
        return at(self.name, self.data)

    @property
    def tested(self) -> tuple[str, ...]:
        """Names of the test images."""
        return tuple(self.contents[self.split])

    def as_bytes(self) -> bytes:
        """What `dataset.json` holds; the same images are the same bytes."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":")).encode() + b"\n"


def read_dataset(file: Path) -> DatasetRecord:
    """What is known of a folder's images."""
    try:
        record = read_json(file)
        if record.pop("format") != FORMAT:
            raise ValueError("another format")
        found = DatasetRecord(
            name=str(record["name"]),
            classes=tuple(map(str, record["classes"])),
            excluded=tuple(map(str, record["excluded"])),
            split=str(record["split"]),
            contents={
                str(split): {str(name): (str(one), str(two)) for name, (one, two) in images.items()}
                for split, images in record["contents"].items()
            },
            truth=tuple(tuple(map(int, row)) for row in record["truth"]),
        )
        wide = {len(row) for row in found.truth} != {len(found.classes)}
        if wide or len(found.truth) != len(found.tested):
            raise ValueError("its pixels are not those of its test images and classes")
    except UNREADABLE as error:
        raise BoardError(f"it cannot be read ({one_line(error)}); submit the run again") from None
    return found


def pixels_of(result: CellResult) -> Pixels:
    """The pixels of every class in every image, as a confusion has them."""
    assert result.confusion is not None
    rows: list[list[int]] = truth_pixels(result.confusion).tolist()
    return tuple(map(tuple, rows))


def shared_shots(record: DatasetRecord, shots: Sequence[Sequence[str]]) -> list[str]:
    """Shots that are test images too, by name or by what they hold.

    Images of one archive share its digest, which says nothing of one of them.
    """
    pool, test = record.contents.get("pool", {}), record.contents[record.split]
    digests = [image for image, _ in pool.values()]
    own = {image for image, _ in test.values()} - {one for one in {*digests} if digests.count(one) > 1}
    used = dict.fromkeys(name for draw in shots for name in draw)
    return [name for name in used if name in test or (name in pool and pool[name][0] in own)]


def differences(record: DatasetRecord, submission: Submission) -> list[Any]:
    """The cells whose truth is not that of the record."""
    return [result.cell for result in submission.cells if pixels_of(result) != record.truth]
