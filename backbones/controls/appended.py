"""An extractor with one more map, the coordinates; what it could do before, it still can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from ..backbone import Draws, Extractor, Generates, Inverts
from .coordinates import fourier_features

if TYPE_CHECKING:
    from ..backbone import Codes, Maps


def append_position(inner: Extractor, size: int) -> Extractor:
    """`inner` with the coordinates (N, 20, S, S) as its last map; `size` is S where no image tells."""
    kinds = {(False, False): _Plain, (True, False): _Inverting, (False, True): _Generating, (True, True): _Both}
    kind = kinds[isinstance(inner, Inverts), isinstance(inner, Generates)]
    return (_Drawing if kind is _Both and isinstance(inner, Draws) else kind)(inner, size)


class _Plain(nn.Module):
    """A module, so that `.to(device)` reaches an inner one that is a module too."""

    inner: Any  # an Extractor, and what the subclass needs besides: Python cannot say "both"

    def __init__(self, inner: Extractor, size: int) -> None:
        super().__init__()
        self.inner, self.size = inner, size

    def forward(self, images: Tensor) -> Maps:
        return self._append(self.inner(images), *images.shape[-2:])

    def _append(self, maps: Maps, height: int, width: int) -> Maps:
        count, device = len(maps[0]), maps[0].device
        return [*maps, fourier_features(height, width, device).expand(count, -1, -1, -1)]


class _Inverting(_Plain):
    """The coordinates need no code: they depend on the size alone."""

    @property
    def settings(self) -> str:
        return str(getattr(self.inner, "settings", ""))

    def invert(self, images: Tensor) -> Codes:
        codes: Codes = self.inner.invert(images)
        return codes

    def maps(self, codes: Codes) -> Maps:
        return self._append(self.inner.maps(codes), self.size, self.size)

    def reconstruct(self, codes: Codes) -> Tensor:
        images: Tensor = self.inner.reconstruct(codes)
        return images


class _Generating(_Plain):
    def sample(self, count: int, seed: int) -> tuple[Tensor, Maps]:
        images, maps = self.inner.sample(count, seed)
        return images, self._append(maps, *images.shape[-2:])


class _Both(_Inverting, _Generating):
    pass


class _Drawing(_Both):
    def draw(self, count: int, seed: int) -> Codes:
        codes: Codes = self.inner.draw(count, seed)
        return codes
