"""Exports to annotate, and their import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from partbench.datasets.generated.found import FoundAnnotations
from partbench.datasets.generated.labels import AnnotationReader
from partbench.datasets.generated.manifest import ExportManifest, read_manifest
from partbench.datasets.generated.reading import take_annotations
from partbench.datasets.generated.writing import complete, new_export, write_image

CLASSES = ("background", "ear", "eye", "tail")
COLOURS = [[38, 38, 44], [240, 240, 240], [213, 62, 79], [244, 165, 60]]
SIDE = 64

Export = Callable[..., Path]
Take = Callable[..., FoundAnnotations]


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Exports grey pictures of 64 pixels, by default `p0` and `p1`."""

    def write(kind: str = "labelme", images: tuple[str, ...] = ("p0", "p1"), name: str = "shots") -> Path:
        with new_export(tmp_path / name) as folder:
            for number, stem in enumerate(images):
                write_image(folder, stem, Image.new("RGB", (SIDE, SIDE), (9, 9, number)))
            complete(folder, ExportManifest(images, CLASSES, kind, source="grey"), {}, COLOURS)
        return tmp_path / name

    return write


@pytest.fixture
def take() -> Take:
    """Imports annotations."""

    def read(folder: Path, place: Path | None = None, colours: Any = COLOURS) -> FoundAnnotations:
        reading = AnnotationReader(folder, read_manifest(folder), "painter")
        return take_annotations(place, reading, "a person", colours)

    return read
