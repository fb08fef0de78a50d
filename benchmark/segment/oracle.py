"""Annotates exported images with an oracle, which the manifest records."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...backbones import weights
from ...backbones.backbone import BackboneError
from ...datasets.dataset import Dataset, DatasetError, Split
from ...datasets.drawing.splits import Drawings
from ...datasets.files.decoding import decode
from ...datasets.files.fit import square
from ...datasets.files.masks import Labels
from ...datasets.generated.manifest import BACKGROUND, OVERLAPS, ExportManifest
from ...datasets.generated.split import check_exported, image_file
from ...datasets.generated.writing import write_masks
from ..file_hashes import file_hash
from ..pretrain.model_card import read_metadata
from .export import colours
from .network import UNet
from .oracle_training import FAMILY, OracleConfig

SHIPPED = Path(__file__).parent / "oracle-faces64.safetensors"
"""The oracle of the faces."""
SUMS = SHIPPED.parent / "SHA256SUMS"
"""Its SHA-256, as `sha256sum -c` reads it."""


@dataclass(frozen=True)
class Oracle:
    """A U-Net that has learnt the parts of drawn images."""

    network: UNet
    shape: OracleConfig
    facts: dict[str, Any]
    """Its file, what it learnt from, and what it can do; all of it stands in the manifest and in every result."""

    @torch.no_grad()
    def mask(self, image: Tensor) -> Labels:
        """The class of every pixel of an image (3, H, W) in [0, 1], which it looks at in its own size."""
        side = (self.shape.size, self.shape.size)
        logits = self.network(F.interpolate(image[None], side, mode="bilinear", antialias=True))
        large = F.interpolate(logits, image.shape[1:], mode="bilinear")
        labels: Labels = large[0].argmax(0).numpy()
        return labels


def open_oracle(file: Path) -> Oracle:
    """The oracle in a weights file of `partbench annotate teach`."""
    shape = weights.read_config(file, FAMILY, OracleConfig)
    if file == SHIPPED and file_hash(file, 64) != SUMS.read_text().split()[0]:
        raise BackboneError(f"{file} is not the file that we shipped; install partbench again, or name yours")
    network = UNet(len(shape.classes), shape.width)
    weights.load(file, {"network": network})
    card = read_metadata(file)
    measured = json.loads(card.get("measured", "{}"))
    learnt = f"{card.get('images', 'unknown images')}, {card.get('images seen', '?')} seen"
    facts = {"file": file.name, "weights": file_hash(file), "learnt from": learnt}
    return Oracle(network, shape, facts | {"measured": {name: round(value, 4) for name, value in measured.items()}})


def unlabelled_with_masks(dataset: Dataset) -> Split:
    """The unlabelled images of a drawn dataset with their truth, which is for an oracle alone."""
    split = dataset.load().unlabelled
    if not isinstance(split, Drawings):
        why = f"nobody knows the truth of unlabelled images of {dataset.name}"
        raise DatasetError(f"{why}; teach an oracle on a dataset that is drawn, as faces, cars or horses")
    return replace(split, labelled=True)


def annotate(folder: Path, manifest: ExportManifest, oracle: Oracle) -> ExportManifest:
    """Give all images of an export the masks of an oracle; the manifest that says so."""
    if manifest.annotations and not manifest.oracle:
        fact = f"{folder} has {len(manifest.annotations)} images annotated by {manifest.annotator}"
        raise DatasetError(f"{fact}, whose work an oracle would replace; export the images again for it")
    check_exported(folder, manifest, manifest.images)
    export_classes = _translated(folder, manifest, oracle)
    masks = {stem: export_classes[oracle.mask(_read(image_file(folder, stem)))] for stem in manifest.images}
    annotator = (
        f"an oracle, no person: {oracle.facts['file']}, which learnt from true masks ({oracle.facts['learnt from']})"
    )
    annotated = replace(manifest, annotator=annotator, oracle=oracle.facts, overlaps=OVERLAPS[0])
    return write_masks(folder, annotated, masks, colours(len(manifest.classes)))


def _translated(folder: Path, manifest: ExportManifest, oracle: Oracle) -> Labels:
    """The class (K,) of an export that each class of the oracle is; what it does not ask for is background."""
    ours, theirs = oracle.shape.classes, manifest.classes
    if not {*theirs} <= {*ours} or ({*ours} - {*theirs} and BACKGROUND not in theirs):
        fact = f"the oracle {oracle.facts['file']} knows {', '.join(ours)}"
        mend = "teach one with partbench annotate teach DATASET, and name it with --weights"
        raise BackboneError(f"{fact}, and {folder} asks for {', '.join(theirs)}; {mend}")
    return np.array([theirs.index(name if name in theirs else BACKGROUND) for name in ours])


def _read(file: Path) -> Tensor:
    """A square image (3, S, S) in [0, 1] at its own size."""
    image = decode(file, str(file))
    if image.width != image.height:
        raise DatasetError(f"{file} is {image.width}x{image.height}; an oracle looks at square images alone")
    return square(image, image.width)
