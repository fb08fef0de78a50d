"""Clothing Co-Parsing (Yang, Luo, Lin 2014): street photographs with masks of clothes, as `clothing:PATH`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..dataset import PAD, Dataset, DatasetError, Splits
from .labels import CLASSES

if TYPE_CHECKING:
    from typing import NoReturn

SUMMARY = "street photographs with masks of clothes, as clothing:PATH to photos/ and annotations/pixel-level/"


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The dataset, waiting for a path."""
    yield Dataset("clothing", CLASSES, _no_path, summary=SUMMARY, configure=open_clothing, fit=PAD)


def open_clothing(spec: str, fit: str = PAD) -> Dataset:
    """The dataset `clothing:PATH`; reads nothing yet."""
    if not spec:
        _no_path()
    load, refit = partial(_load, Path(spec).expanduser(), fit), partial(open_clothing, spec)
    return Dataset(f"clothing:{spec}", CLASSES, load, summary=SUMMARY, fit=fit, refit=refit)


def _load(path: Path, fit: str) -> Splits:
    # torch, scipy and Pillow come in here, so that listing datasets stays instant.
    from .split import load_clothing

    return load_clothing(path, fit)


def _no_path() -> NoReturn:
    raise DatasetError("'clothing' names no images yet; say where Clothing Co-Parsing lies, as clothing:PATH")
