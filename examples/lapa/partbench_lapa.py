"""`lapa:PATH`: LaPa, 22,000 photographs of faces with 11 classes, as a dataset.

"A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing" (Liu et al., AAAI 2020). PATH is the
folder that the download unpacks to. Its licence is for research; nothing of it is here. ::

    LaPa/
      train/images/10009865324_0.jpg    train/labels/10009865324_0.png    18,176 of them
      val/...                                                              2,000
      test/...                                                             2,000

A label is a PNG of the photograph's size whose values are indices into `CLASSES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import partbench
from partbench.datasets.dataset import Dataset, DatasetError, Splits

if TYPE_CHECKING:
    from torch import Tensor

CLASSES = (
    "background", "skin", "left eyebrow", "right eyebrow", "left eye", "right eye", "nose", "upper lip",
    "inner mouth", "lower lip", "hair",
)  # fmt: skip
SPLITS = {"pool": "train", "validation": "val", "test": "test"}
"""What partbench asks for, and what LaPa calls it."""
SUMMARY = "photographs of faces in 11 classes, as lapa:PATH to LaPa (train/, val/, test/)"


class Faces:
    """One split: photographs with labels, each cropped to its largest central square and resized."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = sorted(file.stem for file in (folder / "images").glob("*.jpg"))
        labels = {file.stem for file in (folder / "labels").glob("*.png")}
        lonely = [name for name in self.names if name not in labels]
        if lonely:
            raise DatasetError(f"{folder / 'images' / lonely[0]}.jpg has no label; unpack {folder.name} again")

    def __len__(self) -> int:
        return len(self.names)

    def name(self, index: int) -> str:
        """Split and file, since no image may have the name of another."""
        return f"{self.folder.name}/{self.names[index]}"

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        """The photographs at `indices`, (N, 3, size, size) float32 in [0, 1]."""
        from partbench.datasets.files.fit import squares

        return squares([self.folder / "images" / f"{self.names[i]}.jpg" for i in indices], size)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        """Their labels, (N, size, size) int64."""
        import torch

        return torch.stack([self._mask(self.folder / "labels" / f"{self.names[i]}.png", size) for i in indices])

    def _mask(self, file: Path, size: int) -> Tensor:
        import numpy as np
        import torch
        from PIL import Image

        from partbench.datasets.files.masks import square_labels

        with Image.open(file) as image:
            labels = np.array(image)
        if labels.ndim != 2 or labels.max() >= len(CLASSES):
            what = f"{labels.shape} with values up to {labels.max()}"
            raise DatasetError(f"{file} is no label of LaPa ({what}); give the labels, not the coloured ones")
        return torch.from_numpy(square_labels(labels, size).astype(np.int64))


def load(path: Path) -> Splits:
    """The three splits; only names are looked at."""
    from partbench.datasets.files.layout import check_root, find_place

    check_root(path, "LaPa", list(SPLITS.values()))
    found = {ours: Faces(find_place(path, theirs, "that split of LaPa")) for ours, theirs in SPLITS.items()}
    return Splits(found["pool"], found["test"], found["validation"])


def configure(spec: str) -> Dataset:
    """The dataset `lapa:PATH`; reads nothing yet."""
    if not spec:
        no_path()
    return Dataset(f"lapa:{spec}", CLASSES, load=partial(load, Path(spec).expanduser()), summary=SUMMARY)


def no_path() -> NoReturn:
    """The family by itself, which cannot be opened."""
    raise DatasetError("'lapa' names no images yet; say where LaPa lies, as lapa:PATH")


@partbench.hookimpl
def partbench_datasets() -> Iterable[Dataset]:
    """The dataset, waiting for a path."""
    yield Dataset("lapa", CLASSES, load=no_path, configure=configure, summary=SUMMARY)
