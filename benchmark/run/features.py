"""Feature extraction with a loaded backbone; inverted codes are cached on disk."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ...backbones.backbone import Backbone, BackboneError, Codes, Extractor, Frugal, Generates, Inverts, Stepwise
from ...backbones.controls.derived import POSITION
from ...backbones.maps import validate_maps
from ...datasets.dataset import MadeByGenerator, Split
from ..files import weights_hash, write_atomic
from ..machine import MemoryLimit, slices
from ..plugins.names import made_by, parse_backbone


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
    own: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    """Codes (1, ...) of images that this very generator made, by the hash of their pixels: they are never inverted."""
    room: MemoryLimit | None = None
    """The memory that there is; None: as much as it likes."""

    @classmethod
    def open(
        cls, backbone: Backbone, device: torch.device, cache: Path, room: MemoryLimit | None = None
    ) -> FeatureSource:
        extractor = backbone.load()
        if isinstance(extractor, nn.Module):
            extractor.to(device).eval()
        return cls(backbone, extractor, device, cache, room=room)

    def recall(self, split: Split, indices: Sequence[int]) -> None:
        """Take the codes of images that this generator made from the split that keeps them."""
        if not isinstance(split, MadeByGenerator) or not isinstance(self.extractor, Inverts):
            return
        if made_by(self.backbone, self.weights, split.maker):
            for rows in slices(indices, self.backbone.size):
                codes = split.codes(rows)
                for i, image in enumerate(split.images(rows, self.backbone.size)):
                    self.own[_digest(image)] = {name: code[i : i + 1] for name, code in codes.items()}

    @cached_property
    def weights(self) -> str | None:
        """Hash of the weights."""
        return weights_hash(self.backbone.weights)

    def maps(self, images: Tensor, codes: Codes | None = None) -> list[Tensor]:
        """Scaled maps of images (N, 3, S, S) in [0, 1]; those of slow backbones from codes, which are kept."""
        return self._scaled(self.raw(images, codes))

    def sample(self, count: int, seed: int) -> tuple[Tensor, list[Tensor]]:
        """Images (count, 3, S, S) in [0, 1] of the backbone's own making, and their maps, scaled as all maps are."""
        if not isinstance(self.extractor, Generates):
            what = f"{self.backbone.name} makes no images of its own, which auto-shot learns from"
            raise BackboneError(f"{what}; choose a generator, as stylegan2")
        with torch.no_grad():
            images, maps = self.extractor.sample(count, seed)
        validate_maps(self.backbone, maps, count)
        return images.cpu(), self._scaled([m.detach().to(self.device).float() for m in maps])

    def _scaled(self, maps: list[Tensor]) -> list[Tensor]:
        """One map after the other, so that not all are there twice."""
        for i, (shift, scale) in enumerate(zip(self.shift, self.scale, strict=True)):
            maps[i] = (maps[i] - shift) / scale
        return maps

    def raw(self, images: Tensor, codes: Codes | None = None) -> list[Tensor]:
        """Maps as the backbone gives them, held against its declaration."""
        seconds, given = 0.0, codes is not None
        if codes is None and isinstance(self.extractor, Inverts):
            codes, seconds = self.codes(images)
        start = time.perf_counter()
        with torch.no_grad():
            if codes is not None and isinstance(self.extractor, Inverts):
                maps = self.extractor.maps(codes)
            else:
                maps = self.extractor(images.to(self.device))
        validate_maps(self.backbone, maps, len(images))
        out = [m.detach().to(self.device).float() for m in maps]
        if not given:  # else without what the inversion took
            self.seconds += seconds + time.perf_counter() - start
            self.images += len(images)
        return out

    def codes(self, images: Tensor) -> tuple[dict[str, Tensor], float]:
        """Codes of these images and the seconds that they took; the same weights invert the same pixels once."""
        files = self.code_files(images)
        kept = [self._kept(image, file) for image, file in zip(images, files, strict=True)]
        missing = [i for i, code in enumerate(kept) if code is None]
        if missing:
            for i, code in zip(missing, self._invert(images[missing]), strict=True):
                write_atomic(files[i], code)
                kept[i] = _read_code(files[i])
        parts = [part for part in kept if part is not None]
        codes = {name: torch.cat([code[name] for code, _ in parts]).to(self.device) for name in parts[0][0]}
        return codes, sum(seconds for _, seconds in parts)

    def code_files(self, images: Tensor) -> list[Path]:
        """Where the code of each image is kept, or will be."""
        return [self.cache / f"{self._code_key(image)}.safetensors" for image in images]

    def missing(self, images: Tensor) -> int:
        """How many of these images have no code yet."""
        pairs = zip(images, self.code_files(images), strict=True)
        return sum(_digest(image) not in self.own and not file.exists() for image, file in pairs)

    def _kept(self, image: Tensor, file: Path) -> tuple[dict[str, Tensor], float] | None:
        """The code of an image and the seconds that it took, if one is known."""
        own = self.own.get(_digest(image)) if self.own else None
        return (own, 0.0) if own else _read_code(file)

    def _invert(self, images: Tensor) -> list[bytes]:
        """The code of each image as a file, with the seconds that it took."""
        assert isinstance(self.extractor, Inverts)
        self._make_room()
        start = time.perf_counter()
        codes = {name: code.detach().cpu() for name, code in self.extractor.invert(images.to(self.device)).items()}
        seconds = str((time.perf_counter() - start) / len(images))
        for name, code in codes.items():
            if len(code) != len(images):
                what = f"{self.backbone.name} has a code {name!r} for {len(code)} images of {len(images)}"
                raise BackboneError(f"{what}; put the image first")
        rows = ({name: code[i : i + 1].clone() for name, code in codes.items()} for i in range(len(images)))
        return [save(row, {"seconds": seconds}) for row in rows]

    def attempt(self, images: Tensor, steps: int) -> Codes:
        """Codes after a few steps of an inversion, which are not kept."""
        assert isinstance(self.extractor, Stepwise)
        self._make_room()
        return self.extractor.attempt(images.to(self.device), steps)

    def _make_room(self) -> None:
        if isinstance(self.extractor, Frugal):
            self.extractor.room = self.room.left() if self.room else None

    def _code_key(self, image: Tensor) -> str:
        settings = getattr(self.extractor, "settings", "")
        text = f"{self._maker(settings)} {self.weights or ''} {settings} {torch.__version__}"
        return hashlib.sha256(text.encode() + image.numpy().tobytes()).hexdigest()[:32]

    def _maker(self, settings: str) -> str:
        """The cache key of the codes' maker: layer groups share that of their generator, if its settings tell it."""
        shared = settings and self.weights
        return parse_backbone(self.backbone.name).family if shared else self.backbone.name.removesuffix(POSITION)

    def reconstruct(self, images: Tensor) -> Tensor | None:
        """What the backbone makes of the images (N, 3, S, S), if it can show it."""
        if not isinstance(self.extractor, Inverts):
            return None
        with torch.no_grad():
            return self.extractor.reconstruct(self.codes(images)[0]).cpu()

    def measure(self, batches: Sequence[Tensor], kind: str) -> None:
        """Take the scale of every map from unlabelled images."""
        total: list[Tensor] = []
        for images in batches:
            moments = [torch.stack([m.mean((2, 3)), m.square().mean((2, 3))]).sum(1) for m in self.raw(images)]
            total = [a + b for a, b in zip(total, moments, strict=True)] if total else moments
        count = sum(len(images) for images in batches)
        pairs = [scale_of(first, second, kind) for first, second in (moment / count for moment in total)]
        self.shift, self.scale = [shift for shift, _ in pairs], [scale for _, scale in pairs]


def _digest(image: Tensor) -> str:
    return hashlib.sha256(image.numpy().tobytes()).hexdigest()


def _read_code(file: Path) -> tuple[dict[str, Tensor], float] | None:
    """The code (1, ...) in a file and the seconds of its inversion; None if there is none that can be read."""
    try:
        with safe_open(file, "pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}, float(opened.metadata()["seconds"])  # noqa: SIM118
    except (OSError, SafetensorError):
        return None


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
