"""A loaded backbone that reads images: slow inversions are kept on disk, maps never are."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from ..backbones.backbone import Backbone, Extractor, Inverts
from ..backbones.checks import validate_maps
from .results import write_atomic

SCALES = ("rms", "none", "standard")
"""`rms` divides each map by its root mean square, `standard` also centres every channel and divides it by its deviation."""
PIXELS_AT_ONCE = 2**18
"""Pixels of the images that go through a backbone together, at most 16 images."""


def slices(indices: Sequence[int], size: int) -> list[list[int]]:
    """`indices` in slices of as many images of side `size` as go through a backbone at once."""
    step = max(1, min(16, PIXELS_AT_ONCE // (size * size)))
    return [list(indices[i : i + step]) for i in range(0, len(indices), step)]


def file_hash(path: Path) -> str:
    """SHA-256 of a file, sixteen digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@dataclass
class Source:
    """A backbone that turns images into maps, each shifted and scaled as the protocol says."""

    backbone: Backbone
    extractor: Extractor
    device: torch.device
    cache: Path
    """Where codes are kept, under the hash of what they come from."""
    shift: list[Tensor] = field(default_factory=list)
    scale: list[Tensor] = field(default_factory=list)
    errors: dict[str, float] = field(default_factory=dict)
    """Root mean square error of reconstruction, by image hash."""
    seconds: float = 0.0
    """Spent on describing images, inversion included."""
    images: int = 0

    @classmethod
    def open(cls, backbone: Backbone, device: torch.device, cache: Path) -> Source:
        extractor = backbone.load()
        if isinstance(extractor, nn.Module):
            extractor.to(device).eval()
        return cls(backbone, extractor, device, cache)

    @property
    def inverts(self) -> bool:
        return isinstance(self.extractor, Inverts)

    def maps(self, images: Tensor) -> list[Tensor]:
        """Scaled maps of images (N, 3, S, S) in [0, 1]; those of slow backbones from the cache where they are there."""
        raw = self.raw(images)
        if not self.scale:
            return raw
        return [(m - shift) / scale for m, shift, scale in zip(raw, self.shift, self.scale, strict=True)]

    def raw(self, images: Tensor) -> list[Tensor]:
        """Maps as the backbone gives them, held against its declaration."""
        start = time.perf_counter()
        with torch.no_grad():
            if isinstance(self.extractor, Inverts):
                maps = self.extractor.maps(self.codes(images))
            else:
                maps = self.extractor(images.to(self.device))
        out = [m.detach().float() for m in maps]
        validate_maps(self.backbone, out, len(images))
        self.seconds, self.images = self.seconds + time.perf_counter() - start, self.images + len(images)
        return out

    def codes(self, images: Tensor) -> Mapping[str, Tensor]:
        """Codes of these images, computed once for the same weights and pixels."""
        assert isinstance(self.extractor, Inverts)
        file = self.cache / f"{self._code_key(images)}.safetensors"
        if not file.exists():
            codes = self.extractor.invert(images.to(self.device))
            write_atomic(file, save({name: code.cpu().contiguous() for name, code in codes.items()}))
        return {name: code.to(self.device) for name, code in load_file(file).items()}

    def _code_key(self, images: Tensor) -> str:
        weights = self.backbone.weights
        text = f"{self.backbone.name} {file_hash(weights) if weights and weights.exists() else ''} {torch.__version__}"
        return hashlib.sha256(text.encode() + images.numpy().tobytes()).hexdigest()[:32]

    def reconstruct(self, images: Tensor) -> Tensor | None:
        """What the backbone makes of the images (N, 3, S, S), if it can show it."""
        if not isinstance(self.extractor, Inverts):
            return None
        with torch.no_grad():
            return self.extractor.reconstruct(self.codes(images)).cpu()

    def measure(self, batches: Sequence[Tensor], kind: str) -> None:
        """Take the scale of every map from unlabelled images."""
        total: list[Tensor] = []
        for images in batches:
            moments = [torch.stack([m.mean((2, 3)), m.square().mean((2, 3))]).sum(1) for m in self.raw(images)]
            total = [a + b for a, b in zip(total, moments, strict=True)] if total else moments
        count = sum(len(images) for images in batches)
        self.shift, self.scale = [], []
        for first, second in (moment / count for moment in total):
            self._append_scale(first, second, kind)

    def _append_scale(self, first: Tensor, second: Tensor, kind: str) -> None:
        """From the mean (C,) and mean square (C,) of a map's channels."""
        tiny = 1e-6
        if kind == "rms":
            shift, scale = torch.zeros_like(first), second.mean().sqrt().clamp(min=tiny).expand_as(first)
        elif kind == "standard":
            shift, scale = first, (second - first.square()).clamp(min=0).sqrt().clamp(min=tiny)
        elif kind == "none":
            shift, scale = torch.zeros_like(first), torch.ones_like(first)
        else:
            raise ValueError(f"no scale is called {kind!r}; choose {', '.join(SCALES)}")
        self.shift.append(shift[:, None, None])
        self.scale.append(scale[:, None, None])
