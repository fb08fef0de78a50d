"""`lapa` reads the published layout, says what is wrong with a download, and keeps the contract of a dataset."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from partbench_lapa import CLASSES, configure, partbench_datasets
from PIL import Image

from partbench.datasets.checks import CHECKS
from partbench.datasets.dataset import Dataset, DatasetError

WIDTH, HEIGHT = 96, 80
PALETTE = np.random.default_rng(7).integers(0, 256, (len(CLASSES), 3))


def face(seed: int) -> tuple[Image.Image, Image.Image]:
    """A photograph of eleven ellipses, and their labels."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    label = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for k in range(1, len(CLASSES)):
        row, column = 16 + 16 * (k // 4) + random.integers(-2, 3), 20 + 18 * (k % 4) + random.integers(-2, 3)
        label[((rows - row) / 7) ** 2 + ((columns - column) / 8) ** 2 < 1] = k
    photograph = PALETTE[label] + random.integers(-8, 9, (HEIGHT, WIDTH, 3))
    return Image.fromarray(photograph.clip(0, 255).astype(np.uint8)), Image.fromarray(label)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LaPa's layout with five faces in each split."""
    root = tmp_path_factory.mktemp("data") / "LaPa"
    for place, split in enumerate(("train", "val", "test")):
        for kind in ("images", "labels", "landmarks"):
            (root / split / kind).mkdir(parents=True)
        for number in range(5):
            photograph, label = face(10 * place + number)
            photograph.save(root / split / "images" / f"{100 * place + number}_0.jpg", quality=95)
            label.save(root / split / "labels" / f"{100 * place + number}_0.png")
            (root / split / "landmarks" / f"{100 * place + number}_0.txt").write_text("106\n")
    return root


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    """The same to be damaged."""
    return Path(shutil.copytree(written, tmp_path / "LaPa"))


@pytest.mark.parametrize("check", CHECKS)
def test_the_contract_is_kept(check: Callable[[Dataset], None], written: Path) -> None:
    check(configure(str(written)))


def test_images_and_masks_are_the_files(written: Path) -> None:
    """The central square, every class in its place."""
    splits = configure(str(written)).load()
    assert [splits.pool.name(i) for i in range(2)] == ["train/0_0", "train/1_0"]
    _, label = face(20)
    left = (WIDTH - HEIGHT) // 2
    square = torch.from_numpy(np.array(label)[:, left : left + HEIGHT].astype(np.int64))
    assert torch.equal(splits.test.masks([0], HEIGHT)[0], square)
    expected = torch.from_numpy(PALETTE).float()[square].movedim(-1, 0) / 255
    assert (splits.test.images([0], HEIGHT)[0] - expected).abs().mean() < 0.05


def test_a_folder_one_level_off_is_named(written: Path) -> None:
    with pytest.raises(DatasetError, match=rf"holds no train, but {written} does; give {written}"):
        configure(str(written.parent)).load()


def test_a_photograph_without_label_is_named(copied: Path) -> None:
    (copied / "val/labels/101_0.png").unlink()
    with pytest.raises(DatasetError, match=r"val/images/101_0.jpg has no label; unpack val again"):
        configure(str(copied)).load()


def test_a_coloured_label_is_named(copied: Path) -> None:
    face(1)[0].save(copied / "test/labels/200_0.png")
    with pytest.raises(DatasetError, match=r"200_0.png is no label of LaPa .*; give the labels, not the coloured ones"):
        configure(str(copied)).load().test.masks([0], 32)


def test_without_a_path_it_says_what_it_misses() -> None:
    (family,) = partbench_datasets()
    with pytest.raises(DatasetError, match="say where LaPa lies, as lapa:PATH"):
        family.load()
