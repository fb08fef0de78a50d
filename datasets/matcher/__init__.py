"""One-shot episodes of Matcher (Liu et al., ICLR 2024): find one part in a crop of an object, shown in another crop.

`matcher-pascal-part:PATH#FOLD` and `matcher-paco-part:PATH#FOLD` read the annotations that its authors publish with
their code, draw the same episodes from them with the same seed, and crop every object by its box. An episode has one
support and one query, both from the validation images, and one part; all else is background. What others report
there is, per fold, the mean over its parts of the IoU whose pixels are counted over all episodes of the part
(`pooled_zero-bg`), and the mean of four folds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..dataset import STRETCH, Dataset, DatasetError, Splits
from ..files.options import read_options, split_spec
from . import paco, pascal
from .episodes import Episode

if TYPE_CHECKING:
    from typing import NoReturn

BACKGROUND = "background"


@dataclass(frozen=True)
class Benchmark:
    """One of the two sets of episodes."""

    name: str
    folds: tuple[str, ...]
    what: str
    """What a path must lead to."""
    parts: Callable[[Path, str], tuple[str, ...]]
    """The parts of a fold, after a look at the lists of the annotations."""
    draw: Callable[[Path, str], list[Episode]]


BENCHMARKS = (
    Benchmark("matcher-pascal-part", pascal.FOLDS, "its VOC2010", pascal.read_parts, pascal.draw_episodes),
    Benchmark("matcher-paco-part", paco.FOLDS, "its PACO-Part", paco.read_parts, paco.draw_episodes),
)


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The two datasets, waiting for a path."""
    for benchmark in BENCHMARKS:
        first, last = benchmark.folds[0], benchmark.folds[-1]
        summary = f"one-shot part episodes, as {benchmark.name}:PATH#{first} (to #{last}) to {benchmark.what}"
        load, configure = partial(_no_path, benchmark), partial(open_matcher, benchmark)
        yield Dataset(benchmark.name, (BACKGROUND,), load, summary=summary, configure=configure, fit=STRETCH)


def open_matcher(benchmark: Benchmark, spec: str) -> Dataset:
    """The dataset `NAME:PATH#FOLD`; reads the list of its parts and nothing else."""
    if not spec:
        _no_path(benchmark)
    path, words = split_spec(spec)
    fold = read_options(benchmark.name, words, {"the fold": benchmark.folds})["the fold"]
    parts = benchmark.parts(path, fold)
    return Dataset(
        name=f"{benchmark.name}:{spec}",
        classes=(BACKGROUND, *parts),
        load=partial(_load, benchmark, path, fold),
        excluded=frozenset({BACKGROUND}),
        summary=f"one-shot episodes of {len(parts)} parts, fold {fold}",
        fit=STRETCH,
    )


def _load(benchmark: Benchmark, path: Path, fold: str) -> Splits:
    # torch and Pillow come in here, so that listing datasets stays instant.
    from .split import episode_splits

    return episode_splits(benchmark.draw(path, fold))


def _no_path(benchmark: Benchmark) -> NoReturn:
    say = f"say where it lies, as {benchmark.name}:PATH#{benchmark.folds[0]}"
    raise DatasetError(f"'{benchmark.name}' names no images yet; {say}")
