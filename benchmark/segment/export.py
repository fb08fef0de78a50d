"""Exports images to annotate: generated ones with their codes, or pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from ...backbones.backbone import Backbone, BackboneError, Draws, Generates, Inverts
from ...datasets.dataset import DatasetError, GeneratorIdentity
from ...datasets.files.images import ImageFolder
from ...datasets.generated.manifest import ExportManifest
from ...datasets.generated.writing import check_unique_names, complete, new_export, write_image
from ..file_hashes import weights_hash
from ..machine import slices
from ..pictures import PALETTE, to_picture

Track = Callable[[Iterable[int], int], Iterable[int]]
"""Wraps the numbers of images as they are written, of so many, to show progress."""


@dataclass(frozen=True)
class Exported:
    """Images by their names, and what is known of where they come from."""

    stems: tuple[str, ...]
    images: Iterator[Image.Image]
    source: str
    maker: GeneratorIdentity | None = None
    seed: int = 0
    codes: Mapping[str, Tensor] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    """What of a folder or zip is no picture that is read."""


def from_backbone(backbone: Backbone, count: int, seed: int, device: torch.device) -> Exported:
    """`count` images that a generator draws from a seed."""
    extractor = backbone.load()
    if isinstance(extractor, nn.Module):
        extractor.to(device).eval()
    if not isinstance(extractor, Generates):
        mend = "name one that does, as stylegan2, or a folder of pictures"
        raise BackboneError(f"{backbone.name} generates no images; {mend}")
    if isinstance(extractor, Draws) and isinstance(extractor, Inverts):
        codes = {name: code.detach().cpu() for name, code in extractor.draw(count, seed).items()}
        images = _decoded(extractor, codes, count, backbone.size, device)
    else:
        codes, images = {}, _pictures(extractor.sample(count, seed)[0])
    maker = GeneratorIdentity(backbone.name, weights_hash(backbone.weights))
    stems = tuple(f"{number:04d}" for number in range(count))
    return Exported(stems, images, f"{backbone.name}, seed {seed}", maker, seed, codes)


def from_pictures(place: Path, count: int | None) -> Exported:
    """The first `count` pictures of a folder or zip, or all of them, as they are."""
    folder = ImageFolder(place)
    rows = range(len(folder) if count is None else min(count, len(folder)))
    stems = tuple(folder.name(row).rsplit(".", 1)[0].replace("/", "-") for row in rows)
    check_unique_names(stems)
    return Exported(stems, (folder.picture(row) for row in rows), place.name, left_out=folder.notes)


def write_export(out: Path, exported: Exported, classes: tuple[str, ...], like: str, kind: str, track: Track) -> None:
    """Write images, codes, the skeleton of an annotation and the manifest into a new folder."""
    if not exported.stems:
        raise DatasetError("no image is left to annotate; raise --count")
    maker, seed, source = exported.maker, exported.seed, exported.source
    manifest = ExportManifest(exported.stems, classes, kind, like, maker, seed, source)
    with new_export(out) as folder:
        for number, image in zip(track(range(len(exported.stems)), len(exported.stems)), exported.images, strict=True):
            write_image(folder, exported.stems[number], image)
        complete(folder, manifest, exported.codes, colours(len(classes)))


def colours(classes: int) -> list[list[int]]:
    """A colour for each class, as in the pictures of a run."""
    listed: list[list[int]] = PALETTE[[k % len(PALETTE) for k in range(classes)]].tolist()
    return listed


def _decoded(
    extractor: Inverts, codes: Mapping[str, Tensor], count: int, size: int, device: torch.device
) -> Iterator[Image.Image]:
    """The images of codes, a slice at a time."""
    for rows in slices(range(count), size):
        with torch.no_grad():
            yield from _pictures(extractor.reconstruct({name: code[rows].to(device) for name, code in codes.items()}))


def _pictures(images: Tensor) -> Iterator[Image.Image]:
    for image in images.detach().cpu().float().numpy():
        yield Image.fromarray(to_picture(image))
