"""What a dataset is: a frozen record, its splits, and the hook that offers it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pluggy

from .. import UserError

if TYPE_CHECKING:
    from torch import Tensor

IGNORE = 255
"""Mask value of a pixel that is neither trained on nor scored."""

PAD, CROP, STRETCH = FITS = ("pad", "crop", "stretch")
"""How a picture becomes square: all of it, the rest ignored; its largest central square; all of it, distorted."""

hookspec = pluggy.HookspecMarker("partbench")


class DatasetError(UserError):
    """A dataset that cannot be read, in one sentence: the fact, the culprit, the mend."""


def check_fit(fit: str) -> None:
    """Refuse a fit that is not there; '' stands for no choice."""
    if fit not in ("", *FITS):
        raise DatasetError(f"there is no fit '{fit}'; choose {', '.join(FITS)}")


class Split(Protocol):
    """Images with part masks, read by index at whatever size the reader asks for."""

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """A name that tells this image from every other of the dataset (a seed, a file name)."""

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The images at `indices`, (N, 3, size, size) float32 in [0, 1]."""

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their masks, (N, size, size) int64: class indices, or `IGNORE`."""


@runtime_checkable
class KeepsShape(Protocol):
    """Optional capability of a split: its images and masks have a size and shape of their own."""

    def own_mask(self, index: int) -> Tensor:
        """The whole mask (height, width) uint8 of the image at `index`: class indices, or `IGNORE`."""

    def fitted(self, fit: str) -> Split:
        """The same images, made square by another of `FITS`."""


@dataclass(frozen=True)
class GeneratorIdentity:
    """The generator that made images, so that it is known again."""

    backbone: str
    """Its name on the command line."""
    weights: str | None
    """Hash of its weights, None where it reads none."""


@runtime_checkable
class MadeByGenerator(Protocol):
    """Optional capability of a split: a generator made its images, and what it made them from is kept."""

    @property
    def maker(self) -> GeneratorIdentity:
        """Who made them."""

    def codes(self, indices: Sequence[int]) -> Mapping[str, Tensor]:
        """Codes of the images at `indices`, as the maker's `draw` gave them."""


@runtime_checkable
class FileBacked(Protocol):
    """Optional capability of a split: its images lie in files, so that a change is seen without reading them all."""

    def files(self, index: int, /) -> tuple[Path, ...]:
        """All that image and mask `index` are read from, the image first: masks, and the list of their classes."""


@runtime_checkable
class Inspectable(Protocol):
    """Optional capability of a split: it can look at the files of an image, from several threads at once.

    A run has every image that it will read looked at before it computes anything; of a split that cannot, it reads
    image and mask instead.
    """

    def inspect(self, index: int) -> None:
        """Read the image at `index`, and its mask, whole; a `DatasetError` names the file that is at fault."""


@dataclass(frozen=True)
class Splits:
    """The parts of a dataset; no image stands in two of them."""

    pool: Split
    """Labelled images that shots are drawn from."""
    test: Split
    """Labelled images that no backbone and no head ever trains on."""
    validation: Split | None = None
    """Labelled images to choose a protocol on."""
    unlabelled: Split | None = None
    """Images for pretraining and for feature statistics; `masks` may raise `DatasetError`."""
    notes: tuple[str, ...] = ()
    """What was left out where the files were found, each in a sentence with its count."""
    remarks: Callable[[], tuple[str, ...]] = tuple
    """What was noticed while images were inspected, in sentences; asked for after that."""
    episodes: tuple[int, ...] = ()
    """Of one-shot episodes, the class that each asks for; empty of other data.

    Test image i is segmented after pool image i alone. Their masks have that class and the background, 0; and either
    may stand in other episodes as a picture, under another name.
    """


@dataclass(frozen=True)
class Dataset:
    """A set of images with part masks, as a plugin offers it."""

    name: str
    """Name on the leaderboard and the command line."""
    classes: tuple[str, ...]
    """Class names; a mask holds their indices."""
    load: Callable[[], Splits]
    """Opens the splits; nothing is read at import."""
    excluded: frozenset[str] = field(default_factory=frozenset)
    """Classes that are predicted but never averaged over (the background of the 3-class task)."""
    summary: str = ""
    """One line for `partbench list`."""
    configure: Callable[[str], Dataset] | None = None
    """For a family (`folder:PATH`): the dataset named by what follows the colon."""
    known_failures: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Checks that it fails, as `masks_match`, each with the reason: `partbench check` shows it, minds if one passes."""
    like: str = ""
    """Name of the dataset whose test and unlabelled images these are, if they are another's."""
    beside: Callable[[Dataset], Dataset] | None = None
    """For a pool alone: the dataset that it makes with the other splits of the one that `like` names."""
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What every result says of the images and masks, such as who annotated them."""
    fit: str = CROP
    """How its pictures become square, one of `FITS`."""
    refit: Callable[[str], Dataset] | None = None
    """The same pictures with another fit; None where they are read in one way alone."""

    def fitted(self, fit: str) -> Dataset:
        """This dataset with a fit; '' is its own."""
        check_fit(fit)
        if fit in ("", self.fit):
            return self
        if self.refit is None:
            raise DatasetError(f"{self.name} is read with --fit {self.fit} alone, not {fit}; leave --fit out")
        return self.refit(fit)


@hookspec
def partbench_datasets() -> Iterable[Dataset]:
    """Datasets that this plugin offers.

    ::

        @partbench.hookimpl
        def partbench_datasets():
            yield Dataset("cats", ("background", "ear", "tail"), load=open_cats)
    """
    return ()
