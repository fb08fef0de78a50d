"""An extractor whose maps are changed; what it could do before, it still can."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, nn

from ..backbone import Draws, Extractor, Frugal, Generates, Inverts, Stepwise
from .coordinates import fourier_features

if TYPE_CHECKING:
    from ..backbone import Codes, Maps


class Change(Protocol):
    """What is done with the maps of an extractor."""

    @property
    def settings(self) -> str:
        """What came of it that its name does not say, '' if nothing."""

    def __call__(self, maps: Maps, images: Callable[[], Tensor], height: int, width: int) -> Maps:
        """The maps of `images()` (N, 3, height, width), changed."""


class AppendPosition:
    """Appends the coordinates (N, 20, S, S)."""

    settings = ""

    def __call__(self, maps: Maps, images: Callable[[], Tensor], height: int, width: int) -> Maps:
        count, device = len(maps[0]), maps[0].device
        return [*maps, fourier_features(height, width, device).expand(count, -1, -1, -1)]


def wrap(inner: Extractor, change: Change, size: int) -> Extractor:
    """`inner` with its maps changed; `size` is the side of its images where none tells."""
    kinds = [kind for ability, kind in KINDS.items() if isinstance(inner, ability)]
    kind: Any = type("Wrapped", (*kinds, Wrapped), {})
    wrapped: Extractor = kind(inner, change, size)
    return wrapped


class Wrapped(nn.Module):
    """A module, so that `.to(device)` reaches an inner one that is a module too."""

    inner: Any  # an Extractor, and what the subclass needs besides: Python cannot say "both"

    def __init__(self, inner: Extractor, change: Change, size: int) -> None:
        super().__init__()
        self.inner, self.change, self.size = inner, change, size

    @property
    def settings(self) -> str | None:
        return "; ".join(filter(None, (getattr(self.inner, "settings", ""), self.change.settings))) or None

    def forward(self, images: Tensor) -> Maps:
        return self.change(self.inner(images), lambda: images, *images.shape[-2:])


class _Inverting(Wrapped):
    """Codes come from the images alone, so that they are those of the inner one, and kept with its settings."""

    @property
    def settings(self) -> str:
        return str(getattr(self.inner, "settings", ""))

    def invert(self, images: Tensor) -> Codes:
        codes: Codes = self.inner.invert(images)
        return codes

    def maps(self, codes: Codes) -> Maps:
        return self.change(self.inner.maps(codes), lambda: self.reconstruct(codes), self.size, self.size)

    def reconstruct(self, codes: Codes) -> Tensor:
        images: Tensor = self.inner.reconstruct(codes)
        return images


class _Stepwise(Wrapped):
    @property
    def steps(self) -> int:
        return int(self.inner.steps)

    def attempt(self, images: Tensor, steps: int) -> Codes:
        codes: Codes = self.inner.attempt(images, steps)
        return codes


class _Frugal(Wrapped):
    @property
    def room(self) -> int | None:
        room: int | None = self.inner.room
        return room

    @room.setter
    def room(self, room: int | None) -> None:
        self.inner.room = room


class _Generating(Wrapped):
    def sample(self, count: int, seed: int) -> tuple[Tensor, Maps]:
        images, maps = self.inner.sample(count, seed)
        return images, self.change(maps, lambda: images, *images.shape[-2:])


class _Drawing(Wrapped):
    def draw(self, count: int, seed: int) -> Codes:
        codes: Codes = self.inner.draw(count, seed)
        return codes


KINDS: dict[type, type[Wrapped]] = {
    Stepwise: _Stepwise,
    Inverts: _Inverting,
    Frugal: _Frugal,
    Draws: _Drawing,
    Generates: _Generating,
}
"""What an extractor can do, and what passes it on."""
