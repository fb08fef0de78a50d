"""Shots that a generator made and somebody annotated (section 4.1 of the paper), as the dataset `generated:DIR`.

DIR is what `partbench annotate export` wrote and `partbench annotate import` (or `oracle`) completed. It holds the pool
alone: test and unlabelled images are those of the dataset that it was exported `--like`. `annotated:DIR` is the same
for pictures that no generator made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hookimpl
from ..dataset import Dataset, DatasetError, Splits
from .manifest import ExportManifest, read_manifest

if TYPE_CHECKING:
    from typing import NoReturn

GENERATED, ANNOTATED = "generated", "annotated"
"""The families: images of a generator, and any others."""


@hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The families, waiting for a folder of `partbench annotate export`."""
    for family, what in ((GENERATED, "images that a generator made"), (ANNOTATED, "pictures of your own")):
        summary = f"{what}, annotated by you: partbench annotate; as {family}:DIR"
        nowhere, configure = partial(_no_folder, family), partial(open_annotated, family)
        yield Dataset(family, classes=(), load=nowhere, configure=configure, summary=summary)


def open_annotated(family: str, spec: str) -> Dataset:
    """The dataset `generated:DIR` or `annotated:DIR`; reads its manifest and nothing else."""
    if not spec:
        _no_folder(family)
    folder = Path(spec).expanduser()
    manifest = read_manifest(folder)
    other = ANNOTATED if manifest.maker is None else GENERATED
    if family != other:
        what = "no generator made" if manifest.maker is None else f"{manifest.maker.backbone} made"
        raise DatasetError(f"{folder} holds images that {what}; name it as {other}:{spec}")
    return Dataset(
        name=f"{family}:{spec}",
        classes=manifest.classes,
        load=partial(_shots_alone, folder),
        summary=manifest.summary,
        like=manifest.like,
        beside=partial(_with_base, folder, manifest, f"{family}:{spec}"),
        facts=manifest.facts,
    )


def _with_base(folder: Path, manifest: ExportManifest, name: str, base: Dataset) -> Dataset:
    """The shots with the splits of the dataset that they are for; its masks count where its classes are the same."""
    judged = base.classes == manifest.classes
    return replace(
        base,
        name=name,
        classes=manifest.classes,
        load=partial(_load, folder, manifest, base, judged),
        excluded=base.excluded if judged else frozenset(),
        summary=f"{manifest.summary}; tested on {base.name}",
        configure=None,
        like=base.like or base.name,
        facts={**base.facts, **manifest.facts},
        refit=base.refit and (lambda fit: _with_base(folder, manifest, name, base.fitted(fit))),
    )


def _load(folder: Path, manifest: ExportManifest, base: Dataset, judged: bool) -> Splits:
    # torch and Pillow come in here, so that listing datasets stays instant.
    from .split import join_base

    return join_base(folder, manifest, base.load(), judged, base.fit)


def _shots_alone(folder: Path) -> Splits:
    raise DatasetError(f"{folder} holds shots alone; let partbench find it by its name, which adds the test images")


def _no_folder(family: str) -> NoReturn:
    made = "partbench annotate export stylegan2 --like faces --out DIR"
    raise DatasetError(f"'{family}' names no images yet; make some with {made}, and say where, as {family}:DIR")
