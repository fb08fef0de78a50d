"""A family of ours: one network that we ship, and the same with weights of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from .backbone import Backbone, BackboneError, Extractor
from .packages import WeightsPackage
from .sides import SMALLEST, side_in

if TYPE_CHECKING:
    from .training.trainer import Trainer


PACKAGE = "package"
"""The word behind the at sign for the weights of a family's Python package."""


class Sized(Protocol):
    """The shape of a network."""

    @property
    def size(self) -> int:
        """Side of its images, pixels."""


Shape = TypeVar("Shape", bound=Sized)


@dataclass(frozen=True)
class Family(Generic[Shape]):
    """The backbones `NAME`, `NAME@WEIGHTS` and, where there is one, `NAME@package`; some at any side, as `NAME:SIZE`.

    None of its functions imports torch before it is called.
    """

    name: str
    summary: str
    shipped: Path
    """The file behind `NAME`."""
    embedded: Shape
    """The shape in that file, known without opening it."""
    read: Callable[[Path], Shape]
    """The shape in another file."""
    channels: Callable[[Shape], tuple[int, ...]]
    load: Callable[[Path], Extractor]
    untrained: Callable[[Shape, int], Extractor]
    """The same network from a seed."""
    train: Callable[[int, str, int], Trainer]
    """`train(size, device, seed)` begins a training."""
    local: bool = True
    by_default: bool = True
    package: WeightsPackage | None = None
    """Where a network of others' is installed as a Python package."""
    at_size: Callable[[Shape, int], Shape] | None = None
    """The same trunk over images of another side; None where that would be another network."""
    smallest: int = SMALLEST
    """Side of the smallest images that it then reads, pixels."""

    def configure(self, variant: str = "", weights: str = "") -> Backbone:
        """The backbone of this weights file, or of the one that we ship, at its own side or at another."""
        name = self.name + (f":{variant}" if variant else "") + (f"@{weights}" if weights else "")
        side, package = self._side(variant, name), self.package if weights == PACKAGE else None
        file = package.require(name) if package else Path(weights) if weights else self.shipped
        shape = self.read(file) if weights else self.embedded
        if side and self.at_size:
            shape = self.at_size(shape, side)
        return Backbone(
            name=name,
            size=shape.size,
            channels=self.channels(shape),
            load=partial(self.load, file),
            summary=self.summary,
            untrained=partial(self.untrained, shape),
            configure=self.configure,
            trainer=None if variant else self.train,  # the side of a training is an option of it
            members=self.members if self.package else None,
            weights=file,
            local=self.local,
            by_default=self.by_default,
            origin=package.origin if package else "",
            licence=package.licence if package else "",
        )

    def _side(self, variant: str, name: str) -> int | None:
        """The side that a variant says, pixels; None where there is none."""
        side = side_in(variant, name, self.smallest) if self.at_size else None
        if variant and side is None:
            mend = f"write a size in pixels, as {self.name}:128" if self.at_size else "leave it out"
            what = f"{self.name} has no variant {variant!r}; {mend}"
            raise BackboneError(f"{what}, or name a weights file as {self.name}@FILE")
        return side

    def members(self) -> Iterator[dict[str, object]]:
        """The network of others, and the package that it needs."""
        if self.package:
            yield self.package.facts(f"{self.name}@{PACKAGE}")
