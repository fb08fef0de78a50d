"""A family of ours: one network that we ship, and the same with weights of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from .backbone import Backbone, BackboneError, Extractor
from .packages import WeightsPackage

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
    """The backbones `NAME`, `NAME@WEIGHTS` and, where there is one, `NAME@package`.

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

    def configure(self, variant: str = "", weights: str = "") -> Backbone:
        """The backbone of this weights file, or of the one that we ship."""
        if variant:
            what = f"{self.name} has no variant {variant!r}"
            raise BackboneError(f"{what}; leave it out, or name a weights file as {self.name}@FILE")
        name, package = self.name + (f"@{weights}" if weights else ""), self.package if weights == PACKAGE else None
        file = package.require(name) if package else Path(weights) if weights else self.shipped
        shape = self.read(file) if weights else self.embedded
        return Backbone(
            name=name,
            size=shape.size,
            channels=self.channels(shape),
            load=partial(self.load, file),
            summary=self.summary,
            untrained=partial(self.untrained, shape),
            configure=self.configure,
            trainer=self.train,
            members=self.members if self.package else None,
            weights=file,
            local=self.local,
            by_default=self.by_default,
            origin=package.origin if package else "",
            licence=package.licence if package else "",
        )

    def members(self) -> Iterator[dict[str, object]]:
        """The network of others, and the package that it needs."""
        if self.package:
            yield self.package.facts(f"{self.name}@{PACKAGE}")
