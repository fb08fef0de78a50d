"""`partbench annotate`: exports images to annotate in another tool, and imports the annotations."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import track

from ....datasets.dataset import DatasetError
from ....datasets.generated import ANNOTATED, GENERATED
from ....datasets.generated.labels import AnnotationReader
from ....datasets.generated.manifest import FORMATS, OVERLAPS, ExportManifest, check_class_list, read_manifest
from ....datasets.generated.reading import take_annotations
from ...plugins.calls import plugin_call
from ...plugins.catalogue import Catalogue, load_catalogue
from ...plugins.names import find_backbone, find_dataset
from ...segment.export import Exported, colours, from_backbone, from_pictures, write_export
from ..terminal import open_console, print_notes
from .plan_options import find_device

COUNT = 10
"""Images that a generator draws for who does not say: the paper's most shots."""
NEXT = {
    "labelme": "labelme {out}/images --labels {out}/labels.txt --nodata",
    "coco": "give {out}/images and {out}/coco.json to CVAT or Label Studio, and export COCO from there",
    "png": "paint class numbers into {out}/painted, in a program that keeps the palette",
}
"""What comes next, by format."""


def export(
    source: str, out: Path, count: int | None, seed: int, like: str, classes: str, kind: str, device: str, as_json: bool
) -> None:
    """Write images to annotate and what is needed to annotate them."""
    if kind not in FORMATS:
        raise DatasetError(f"there is no format {kind!r}; choose {', '.join(FORMATS)}")
    catalogue, console = load_catalogue(), open_console(stderr=as_json)
    names = choose_classes(catalogue, like, classes)
    with plugin_call(source):
        exported = _open(catalogue, source, count, seed, device)
    print_notes(console, exported.left_out)

    def show(numbers: Iterable[int], total: int) -> Iterable[int]:
        return track(numbers, "images", total, console=console, disable=not console.is_terminal, transient=True)

    with plugin_call(source):  # which draws them as they are written
        write_export(out, exported, names, like, kind, show)
    if as_json:
        facts = {"out": str(out), "images": len(exported.stems), "codes": sorted(exported.codes), "classes": names}
        print(json.dumps(facts, indent=1))
        return
    codes = " with their codes" if exported.codes else ""
    console.print(f"wrote {len(exported.stems)} images of {escape(exported.source)}{codes} into {escape(str(out))}")
    console.print(f"next: {escape(NEXT[kind].format(out=out))}", soft_wrap=True)
    console.print(f"then: partbench annotate import {escape(str(out))}", soft_wrap=True)


def choose_classes(catalogue: Catalogue, like: str, classes: str) -> tuple[str, ...]:
    """The classes that are named, or those of the dataset that the shots are for; its order, if they are the same."""
    base = find_dataset(catalogue, like).record.classes if like else ()
    if not classes:
        if not like:
            raise DatasetError("nothing says which classes to annotate; give --like DATASET, or --classes a,b,c")
        return base
    named = tuple(word.strip() for word in classes.split(","))
    check_class_list(named)
    return base if set(named) == set(base) else named


def _open(catalogue: Catalogue, source: str, count: int | None, seed: int, device: str) -> Exported:
    if Path(source).exists():
        return from_pictures(Path(source), count)
    backbone = find_backbone(catalogue, source).record
    return from_backbone(backbone, COUNT if count is None else count, seed, find_device(device))


def take(folder: Path, place: Path | None, overlaps: str, annotator: str, line: float, as_json: bool) -> None:
    """Read annotations into the masks of an export, and say which images have none."""
    if overlaps not in OVERLAPS:
        raise DatasetError(f"there is no rule of overlaps {overlaps!r}; choose {', '.join(OVERLAPS)}")
    manifest, console = read_manifest(folder), open_console(stderr=as_json)
    reading = AnnotationReader(folder, manifest, overlaps, line)
    found = take_annotations(place, reading, annotator, colours(len(manifest.classes)))
    print_annotated(folder, manifest, sorted(found.masks), found.warnings, console, as_json)


def print_annotated(
    folder: Path, manifest: ExportManifest, annotated: list[str], warnings: list[str], console: Console, as_json: bool
) -> None:
    """What is annotated now, what is not, and the name of the dataset that comes of it."""
    for warning in warnings:
        console.print(f"[yellow]{escape(warning)}[/]", soft_wrap=True)
    name = f"{GENERATED if manifest.maker else ANNOTATED}:{folder}"
    if as_json:
        print(json.dumps({"dataset": name, "annotated": annotated, "warnings": warnings}, indent=1))
        return
    console.print(f"{len(annotated)} of {len(manifest.images)} images are annotated", soft_wrap=True)
    console.print(f"next: partbench run --dataset {escape(name)}", soft_wrap=True)
