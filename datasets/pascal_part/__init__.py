"""PASCAL-Part (Chen et al. 2014), cars and horses cut out of photographs, as the paper's Tables 4 to 6 score them.

`pascal-part-car:PATH#OPTIONS` and `pascal-part-horse:PATH#OPTIONS`; a crop is the box around one object, laid by
`--fit pad` into a square, whose rest is black and ignored. The options, with commas between them; of each line the
first holds where none is named:

- overlaps: the paper discards boxes that overlap another "with IOU more than 5"; `5%` takes that as an IoU above 0.05
  with another object of the class, `literal-5` to the letter: no IoU exceeds 1, so none is discarded;
- the surroundings: `black` outside of the object (supplement C says so of cars), or the `photo` as it is;
- the background: averaged over (`with-bg`), or predicted only (`without-bg`, the last row of Table 4);
- mirrors, of cars: `mirrors-body`, `mirrors-background` or `mirrors-ignored`; the paper does not say which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..dataset import PAD, Dataset, DatasetError, Splits
from ..files.options import read_options, split_spec
from .parts import BACKGROUND, KINDS, MIRRORS, Kind

if TYPE_CHECKING:
    from typing import NoReturn

OVERLAPS = {"5%": 0.05, "literal-5": 5.0}
"""The IoU above which two boxes overlap."""


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The two datasets, waiting for a path."""
    for name, kind in KINDS.items():
        family = f"pascal-part-{name}"
        summary = f"{name} crops with part masks, as {family}:PATH to Annotations_Part/ and JPEGImages/"
        load, configure = partial(_no_path, family), partial(open_pascal_part, kind)
        yield Dataset(family, kind.classes, load, summary=summary, configure=configure, fit=PAD)


def open_pascal_part(kind: Kind, spec: str, fit: str = PAD) -> Dataset:
    """The dataset `pascal-part-KIND:PATH#OPTIONS`; reads nothing yet."""
    family = f"pascal-part-{kind.name}"
    if not spec:
        _no_path(family)
    path, words = split_spec(spec)
    options = read_options(family, words, choices(kind))
    return Dataset(
        name=f"{family}:{spec}",
        classes=kind.classes,
        load=partial(_load, path, kind, options, fit),
        excluded=frozenset({BACKGROUND} if options["the background"] == "without-bg" else ()),
        summary=f"{kind.name} crops of PASCAL-Part, {', '.join(options.values())}",
        fit=fit,
        refit=partial(open_pascal_part, kind, spec),
    )


def choices(kind: Kind) -> dict[str, tuple[str, ...]]:
    """The options of a kind by what they decide; the first of each is the default."""
    common = {
        "overlaps": tuple(OVERLAPS),
        "the surroundings": ("black", "photo"),
        "the background": ("with-bg", "without-bg"),
    }
    return common | ({"mirrors": tuple(MIRRORS)} if kind.mirrors else {})


def _load(path: Path, kind: Kind, options: Mapping[str, str], fit: str) -> Splits:
    # torch, scipy and Pillow come in here, so that listing datasets stays instant.
    from .split import load_pascal_part

    strokes = kind.strokes(options.get("mirrors", ""))
    black = options["the surroundings"] == "black"
    return load_pascal_part(path, kind, strokes, OVERLAPS[options["overlaps"]], black, fit)


def _no_path(family: str) -> NoReturn:
    raise DatasetError(f"'{family}' names no images yet; say where PASCAL-Part lies, as {family}:PATH")
