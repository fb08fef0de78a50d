"""Feature extraction with a loaded backbone; inverted codes are cached on disk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...backbones.backbone import Backbone, BackboneError, Codes, Extractor, Generates, Inverts
from ...backbones.controls.wrapped import Wrapped
from ...backbones.maps import validate_maps
from ..file_hashes import weights_hash
from ..machine import MemoryLimit
from ..plugins.calls import Warn, plugin_call, warn
from .codes import CodeStore


@dataclass
class FeatureSource:
    """Extracts feature maps of images with a backbone, scaled as the protocol says."""

    backbone: Backbone
    extractor: Extractor
    device: torch.device
    cache: Path
    """Where codes are kept, under the hash of what they come from."""
    shift: list[Tensor] = field(default_factory=list)
    scale: list[Tensor] = field(default_factory=list)
    seconds: float = 0.0
    """Spent on describing images, inversion included, even if an earlier run did it."""
    images: int = 0
    room: MemoryLimit | None = None
    """The memory that there is; None: as much as it likes."""
    tell: Warn = warn
    """Hears what the backbone leaves changed in this process."""
    code: str = ""
    """Hash of the code that inverts images; codes of other code are not read."""

    @classmethod
    def open(
        cls,
        backbone: Backbone,
        device: torch.device,
        cache: Path,
        room: MemoryLimit | None = None,
        tell: Warn = warn,
        code: str = "",
    ) -> FeatureSource:
        with plugin_call(backbone.name, tell):
            extractor = backbone.load()
            if isinstance(extractor, nn.Module):
                extractor.to(device).eval()
        return cls(backbone, extractor, device, cache, room=room, tell=tell, code=code)

    def _call(self) -> AbstractContextManager[None]:
        return plugin_call(self.backbone.name, self.tell)

    @cached_property
    def weights(self) -> str | None:
        """Hash of all weights."""
        return weights_hash(self.backbone.weights, self.backbone.upsampler)

    @property
    def facts(self) -> dict[str, Any]:
        """What every result says of the network."""
        return {
            "weights": self.weights,
            "parameters": count_parameters(self.extractor),
            "seconds per image": round(self.seconds / max(1, self.images), 5),
        }

    @cached_property
    def codes(self) -> CodeStore | None:
        """Where codes of images come from; None for a backbone that reads images."""
        if not isinstance(self.extractor, Inverts):
            return None
        where = self.device, self.cache, weights_hash(self.backbone.weights), self.room
        return CodeStore(self.backbone, self.extractor, *where, tell=self.tell, code=self.code)

    def maps(self, images: Tensor, codes: Codes | None = None) -> list[Tensor]:
        """Scaled maps of images (N, 3, S, S) in [0, 1]; those of slow backbones from codes, which are kept."""
        return self.scaled(self.raw(images, codes))

    def sample(self, count: int, seed: int) -> tuple[Tensor, list[Tensor]]:
        """Images (count, 3, S, S) in [0, 1] of the backbone's own making, and their maps, scaled as all maps are."""
        if not isinstance(self.extractor, Generates):
            what = f"{self.backbone.name} makes no images of its own, which auto-shot learns from"
            raise BackboneError(f"{what}; choose a generator, as stylegan2")
        with torch.no_grad(), self._call():
            images, maps = self.extractor.sample(count, seed)
        validate_maps(self.backbone, maps, count)
        return images.cpu(), self.scaled([m.detach().to(self.device).float() for m in maps])

    def leave_unscaled(self) -> None:
        """Give maps as the backbone does, where only time and memory matter."""
        count = len(self.backbone.channels)
        self.shift, self.scale = [torch.zeros(())] * count, [torch.ones(())] * count

    def scaled(self, maps: list[Tensor]) -> list[Tensor]:
        """Raw maps as the protocol scales them: one after the other, so that not all are there twice."""
        if not self.scale:
            raise RuntimeError(f"the maps of {self.backbone.name} have no scale yet; call measure first")
        for i, (shift, scale) in enumerate(zip(self.shift, self.scale, strict=True)):
            maps[i] = (maps[i] - shift) / scale
        return maps

    def raw(self, images: Tensor, codes: Codes | None = None) -> list[Tensor]:
        """Maps as the backbone gives them; with codes nothing is counted, since the images were described before."""
        return self._describe(images, codes) if codes is not None else self.enter(images)[0]

    def enter(self, images: Tensor) -> tuple[list[Tensor], Codes | None]:
        """Raw maps of images, and the codes that they come from, where the backbone has any."""
        codes, seconds = self.codes.read(images) if self.codes else (None, 0.0)
        start = time.perf_counter()
        maps = self._describe(images, codes)
        self.seconds += seconds + time.perf_counter() - start
        self.images += len(images)
        return maps, codes

    def _describe(self, images: Tensor, codes: Codes | None) -> list[Tensor]:
        """Maps checked against the backbone's declaration."""
        with torch.no_grad(), self._call():
            if codes is not None and isinstance(self.extractor, Inverts):
                maps = self.extractor.maps(codes)
            else:
                maps = self.extractor(images.to(self.device))
        validate_maps(self.backbone, maps, len(images))
        return [m.detach().to(self.device).float() for m in maps]

    def reconstruct(self, codes: Codes | None) -> Tensor | None:
        """What the backbone makes of codes: images (N, 3, S, S) in [0, 1], if it can show them."""
        if codes is None or not isinstance(self.extractor, Inverts):
            return None
        with torch.no_grad(), self._call():
            return self.extractor.reconstruct(codes).cpu()

    def measure(self, batches: Sequence[Tensor], kind: str) -> None:
        """Take the scale of every map from unlabelled images."""
        total: list[Tensor] = []
        for images in batches:
            moments = [torch.stack([m.mean((2, 3)), m.square().mean((2, 3))]).sum(1) for m in self.raw(images)]
            total = [a + b for a, b in zip(total, moments, strict=True)] if total else moments
        count = sum(len(images) for images in batches)
        pairs = [scale_of(first, second, kind) for first, second in (moment / count for moment in total)]
        self.shift, self.scale = [shift for shift, _ in pairs], [scale for _, scale in pairs]


def count_parameters(extractor: Extractor) -> int | None:
    """The numbers in the parameters of a loaded network, each once; None of what has none, or is no torch module.

    All that was loaded counts, whether every map comes of it or none: encoder and decoder, the mapping network of a
    generator, AnyUp behind a network, a classifier that was left on. Buffers do not: running means, tables, noise.
    """
    if not isinstance(extractor, nn.Module):
        return None
    if isinstance(extractor, Wrapped) and count_parameters(extractor.inner) is None:
        return None  # what is around a network that cannot be counted is not all of it
    return sum(parameter.numel() for parameter in extractor.parameters()) or None


SCALES = ("rms", "none", "standard")
"""`rms` divides each map by its root mean square, `standard` centres every channel and divides it by its deviation."""


def scale_of(first: Tensor, second: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """Shift and scale (C, 1, 1), from the mean (C,) and mean square (C,) of a map's channels."""
    tiny = 1e-6
    if kind == "rms":
        shift, scale = torch.zeros_like(first), second.mean().sqrt().clamp(min=tiny).expand_as(first)
    elif kind == "standard":
        shift, scale = first, (second - first.square()).clamp(min=0).sqrt().clamp(min=tiny)
    elif kind == "none":
        shift, scale = torch.zeros_like(first), torch.ones_like(first)
    else:
        raise ValueError(f"no scale is called {kind!r}; choose {', '.join(SCALES)}")
    return shift[:, None, None], scale[:, None, None]
