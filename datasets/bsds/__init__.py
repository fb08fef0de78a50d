"""BSDS500 (Arbelaez et al. 2011), photographs with contours that several people drew, as the dataset `bsds:PATH`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..dataset import Dataset, DatasetError, Splits

if TYPE_CHECKING:
    from typing import NoReturn

CLASSES = ("plain", "contour")
"""Mask values; where only some annotators drew a contour, the mask says ignore."""
SUMMARY = "photographs with human contours, as bsds:PATH to BSDS500 (images/ and groundTruth/)"


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The dataset, waiting for a path."""
    yield Dataset("bsds", CLASSES, load=_no_path, configure=open_bsds, summary=SUMMARY)


def open_bsds(spec: str) -> Dataset:
    """The dataset `bsds:PATH`; reads nothing yet."""
    if not spec:
        _no_path()
    return Dataset(f"bsds:{spec}", CLASSES, load=partial(_load, Path(spec).expanduser()), summary=SUMMARY)


def _load(path: Path) -> Splits:
    # torch, scipy and Pillow come in here, so that listing datasets stays instant.
    from .split import load_bsds

    return load_bsds(path)


def _no_path() -> NoReturn:
    raise DatasetError("'bsds' names no images yet; say where BSDS500 lies, as bsds:PATH")
