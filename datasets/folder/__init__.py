"""A folder of the user's own: `images/`, `masks/` and a `classes.json`, as the dataset `folder:PATH`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..dataset import PAD, Dataset, DatasetError, Splits
from ..files.options import split_spec
from .labelling import Labelling, read_labelling

if TYPE_CHECKING:
    from typing import NoReturn


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The family of all folders, waiting for a path."""
    summary = "your own images/ and masks/ with a classes.json, as folder:PATH or folder:PATH#GROUPING"
    yield Dataset("folder", classes=(), load=_no_path, configure=open_folder, summary=summary)


def open_folder(spec: str, fit: str = PAD) -> Dataset:
    """The dataset `folder:PATH` or `folder:PATH#GROUPING`; reads its classes.json and nothing else."""
    if not spec:
        _no_path()
    path, grouping = split_spec(spec)
    labelling = read_labelling(path, grouping)
    return Dataset(
        name=f"folder:{spec}",
        classes=labelling.classes,
        load=partial(_load, path, labelling, fit),
        excluded=labelling.excluded,
        summary=f"{len(labelling.classes)} classes of {path}",
        fit=fit,
        refit=partial(open_folder, spec),
    )


def _load(path: Path, labelling: Labelling, fit: str) -> Splits:
    # torch and Pillow come in here, so that listing datasets stays instant.
    from .split import load_folder

    return load_folder(path, labelling, fit)


def _no_path() -> NoReturn:
    raise DatasetError("'folder' names no images yet; say which folder, as folder:PATH or folder:PATH#GROUPING")
