"""Codes of images, which a backbone that images enter by inversion reads: inverted once, then kept on disk."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from ...backbones.backbone import Backbone, BackboneError, Codes, Frugal, Inverts, Stepwise
from ...backbones.controls.wrappers import plain_name
from ...datasets.dataset import MadeByGenerator, Split
from ..files import UNREADABLE
from ..machine import CPU, MemoryLimit, images_at_once, processor, slices
from ..plugins.backbone_names import parse_backbone
from ..plugins.calls import Warn, plugin_call, warn
from ..plugins.names import made_by
from ..sealed_files import read_sealed, set_aside, write_sealed
from .claims import Claims
from .kept_code import KeptCode

OWN = "another folder as PARTBENCH_CACHE gets codes of its own"


@dataclass
class CodeStore:
    """Codes of images for one backbone: the same weights invert the same pixels once."""

    backbone: Backbone
    extractor: Inverts
    device: torch.device
    cache: Path
    """Where codes are kept, under the hash of what they come from."""
    weights: str | None
    """Hash of the backbone's weights."""
    room: MemoryLimit | None = None
    """The memory that there is; None: as much as it likes."""
    own: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    """Codes (1, ...) of images that this very generator made, by the hash of their pixels: they are never inverted."""
    unkept: dict[Path, KeptCode] = field(default_factory=dict)
    """Those that could not be written."""
    others: set[str] = field(default_factory=set)
    """Other processors and GPUs than this one that inverted what was read."""
    tell: Warn = warn
    """Hears what the backbone leaves changed in this process, and of a cache that takes nothing, or gives nothing."""
    code: str = ""
    """Hash of the code that inverts."""

    def recall(self, split: Split, indices: Sequence[int]) -> None:
        """Take the codes of images that this generator made from the split that keeps them."""
        if isinstance(split, MadeByGenerator) and made_by(self.backbone, self.weights, split.maker):
            for rows in slices(indices, self.backbone.size):
                codes = split.codes(rows)
                for i, image in enumerate(split.images(rows, self.backbone.size)):
                    self.own[_digest(image)] = {name: code[i : i + 1] for name, code in codes.items()}

    def invert_ahead(self, split: Split, indices: Sequence[int]) -> None:
        """Invert images that have no code yet, where the device takes more of them at once than are described together.

        Only by a backbone that heeds how much memory there is: it splits them into what fits.
        """
        size, waiting = self.backbone.size, list[Tensor]()
        most = images_at_once(self.device, size)
        if most <= images_at_once(CPU, size) or not isinstance(self.extractor, Frugal):
            return
        for rows in slices(indices, size):
            waiting += [image for image in split.images(rows, size) if self.missing(image[None])]
            if len(waiting) >= most or (waiting and rows[-1] == indices[-1]):
                self.read(torch.stack(waiting))
                waiting.clear()

    def read(self, images: Tensor) -> tuple[dict[str, Tensor], float]:
        """Codes of images (N, 3, S, S) in [0, 1], and the seconds of their inversion, be it in an earlier run."""
        files = self.files(images)
        kept = [self._kept(image, file) for image, file in zip(images, files, strict=True)]
        if missing := [i for i, code in enumerate(kept) if code is None]:
            unmade = [i for i in missing if not os.path.exists(files[i])]
            with self._by_one(files[missing[0]]):
                kept = [self._kept(images[i], files[i]) if i in unmade else code for i, code in enumerate(kept)]
                missing = [i for i, code in enumerate(kept) if code is None]
                for i, code in zip(missing, self._invert(images[missing]) if missing else [], strict=True):
                    kept[i] = code
                    self._keep(files[i], code)
        parts = [part for part in kept if part is not None]
        self._tell_of_others({part.by for part in parts})
        codes = {name: torch.cat([p.tensors[name] for p in parts]).to(self.device) for name in parts[0].tensors}
        return codes, sum(part.seconds for part in parts)

    def _tell_of_others(self, by: set[str]) -> None:
        """Say once of each other processor or GPU that codes in the cache are its."""
        for name in sorted(by - self.others - {"", processor(self.device)}):
            self.others.add(name)
            what = f"codes of {self.backbone.name} in {self.cache} were inverted on {name}, as its cells say"
            self.tell(f"{what}: their seconds are that one's, and here they would round otherwise; {OWN}")

    def files(self, images: Tensor) -> list[Path]:
        """Where the code of each image is kept, or will be."""
        return [self.cache / f"{self._code_key(image)}.safetensors" for image in images]

    def missing(self, images: Tensor) -> int:
        """How many of these images have no code yet."""
        pairs = zip(images, self.files(images), strict=True)
        return sum(_digest(image) not in self.own and not os.path.exists(file) for image, file in pairs)

    @contextmanager
    def _by_one(self, file: Path) -> Iterator[None]:
        """Invert images, of which this is the first, while no other worker does; it may have, then."""
        with ExitStack() as stack:
            with suppress(OSError):  # of a cache that takes nothing, where each inverts for itself
                what = f"inverts the same images for {self.backbone.name}"
                stack.enter_context(self._claims.held(file.stem, self.tell, what))
            yield

    @cached_property
    def _claims(self) -> Claims:
        return Claims(self.cache)

    def _kept(self, image: Tensor, file: Path) -> KeptCode | None:
        """The code of an image, if one is known."""
        own = self.own.get(_digest(image)) if self.own else None
        return KeptCode(own) if own else self.unkept.get(file) or self._read_code(file)

    def _keep(self, file: Path, code: KeptCode) -> None:
        """Keep a code on disk, or in memory where the cache takes none, which is said once and costs time alone."""
        try:
            write_sealed(file, code.to_bytes(), {"images": file.name})
        except OSError as error:
            if not self.unkept:
                mend = "see to it, or name another folder with PARTBENCH_CACHE"
                self.tell(f"no codes are kept in {self.cache} ({error.strerror}): later runs invert again; {mend}")
            self.unkept[file] = code

    def _read_code(self, file: Path) -> KeptCode | None:
        """The code in a file; None if it cannot be read, which is said."""
        if not os.path.exists(file):
            return None
        try:
            return KeptCode.from_bytes(read_sealed(file, {"images": file.name}))
        except (SafetensorError, *UNREADABLE) as error:
            self.tell(set_aside(file, error))
            return None

    def _invert(self, images: Tensor) -> list[KeptCode]:
        """The code of each image."""
        self._make_room()
        start = time.perf_counter()
        with plugin_call(self.backbone.name, self.tell):
            codes = {name: code.detach().cpu() for name, code in self.extractor.invert(images.to(self.device)).items()}
        seconds = (time.perf_counter() - start) / len(images)
        for name, code in codes.items():
            if len(code) != len(images):
                what = f"{self.backbone.name} has a code {name!r} for {len(code)} images of {len(images)}"
                raise BackboneError(f"{what}; put the image first")
        each = ({name: code[i : i + 1].clone() for name, code in codes.items()} for i in range(len(images)))
        return [KeptCode(code, seconds, processor(self.device)) for code in each]

    def attempt(self, images: Tensor, steps: int) -> Codes:
        """Codes after a few steps of an inversion, which are not kept."""
        assert isinstance(self.extractor, Stepwise)
        self._make_room()
        with plugin_call(self.backbone.name, self.tell):
            return self.extractor.attempt(images.to(self.device), steps)

    def _make_room(self) -> None:
        if isinstance(self.extractor, Frugal):
            self.extractor.room = self.room.left() if self.room else None

    def _code_key(self, image: Tensor) -> str:
        settings = getattr(self.extractor, "settings", "")
        text = f"{self._maker(settings)} {self.weights or ''} {settings} {self.code} {torch.__version__}"
        return hashlib.sha256(text.encode() + image.numpy().tobytes()).hexdigest()[:32]

    def _maker(self, settings: str) -> str:
        """The cache key of the codes' maker: layer groups share that of their generator, if its settings tell it."""
        shared = settings and self.weights
        return parse_backbone(self.backbone.name).family if shared else plain_name(self.backbone.name)


def _digest(image: Tensor) -> str:
    return hashlib.sha256(image.numpy().tobytes()).hexdigest()
