"""CelebAMask-HQ (Lee et al. 2020), 30,000 aligned faces with masks of 18 parts, as `celebamask-hq:PATH#OPTIONS`.

The options, with commas between them; of each line the first holds where none is named:

- grouping: `paper10`, `paper3`, `all19` (see `parts.py`);
- overlaps: `first`, `painter` (see `parts.py`);
- the train images: `labelled` puts all of them into the pool; `unlabelled` leaves one in five there, and the others
  become the unlabelled split, so that a backbone can be pretrained on faces that are neither shots nor tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..dataset import CROP, Dataset, DatasetError, Splits
from ..files.options import read_options, split_spec
from .parts import GROUPINGS, OVERLAPS

if TYPE_CHECKING:
    from typing import NoReturn

CHOICES = {
    "the grouping": tuple(GROUPINGS),
    "overlaps": OVERLAPS,
    "the train images": ("labelled", "unlabelled"),
}
"""The options by what they decide; the first of each is the default."""
SUMMARY = "photographs of faces with part masks, as celebamask-hq:PATH or PATH#paper3"


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The dataset, waiting for a path."""
    yield Dataset("celebamask-hq", GROUPINGS["paper10"].classes, _no_path, summary=SUMMARY, configure=open_celebamask)


def open_celebamask(spec: str, fit: str = CROP) -> Dataset:
    """The dataset `celebamask-hq:PATH#OPTIONS`; reads nothing yet."""
    if not spec:
        _no_path()
    path, words = split_spec(spec)
    options = read_options("celebamask-hq", words, CHOICES)
    grouping = GROUPINGS[options["the grouping"]]
    return Dataset(
        name=f"celebamask-hq:{spec}",
        classes=grouping.classes,
        load=partial(_load, path, options, fit),
        excluded=grouping.excluded,
        summary=f"CelebAMask-HQ, {', '.join(options.values())}",
        fit=fit,
        refit=partial(open_celebamask, spec),
    )


def _load(path: Path, options: Mapping[str, str], fit: str) -> Splits:
    # torch and Pillow come in here, so that listing datasets stays instant.
    from .split import load_celebamask

    grouping, overlaps, train_images = (options[choice] for choice in CHOICES)
    return load_celebamask(path, grouping, overlaps, train_images, fit)


def _no_path() -> NoReturn:
    raise DatasetError("'celebamask-hq' names no images yet; say where it lies, as celebamask-hq:PATH")
