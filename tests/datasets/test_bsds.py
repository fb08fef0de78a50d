"""BSDS500: where its files may lie, how its annotators vote, and what is said when something is missing."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from partbench.datasets.bsds import open_bsds, partbench_datasets
from partbench.datasets.bsds.split import merge_annotators, read_drawings, shrink
from partbench.datasets.checks import CHECKS
from partbench.datasets.dataset import IGNORE, Dataset, DatasetError, Inspectable, Splits

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "bsds500_dev"
WIDE, TALL = (60, 90), (90, 60)


def drawing(height: int, width: int, column: int) -> np.ndarray:
    """A vertical line."""
    lines = np.zeros((height, width), np.uint8)
    lines[:, column] = 1
    return lines


def write_truth(path: Path, drawings: Sequence[np.ndarray]) -> None:
    """Annotations as published: a row of cells, each a struct with Segmentation and Boundaries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = np.empty((1, len(drawings)), dtype=object)
    for index, lines in enumerate(drawings):
        regions = (np.cumsum(lines, axis=1) + 1).astype(np.uint16)
        cells[0, index] = {"Segmentation": regions, "Boundaries": lines}
    savemat(path, {"groundTruth": cells}, do_compression=True)


def write_pair(images: Path, truths: Path, number: int, shape: tuple[int, int] = WIDE) -> None:
    """A photograph of two halves, the border between them elsewhere in each, and three annotators."""
    height, width = shape
    column = width // 2 - 12 + number % 24
    pixels = np.full((height, width, 3), 40 + number, np.uint8)
    pixels[:, column:] = 200 - number
    images.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(images / f"{1000 + number}.jpg")
    # Two of three see the border, one another line.
    columns = (column, column, width // 2 + 20)
    write_truth(truths / f"{1000 + number}.mat", [drawing(height, width, at) for at in columns])


COUNTS = {"train": 10, "val": 4, "test": 5}


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """BSDS500 as published, with few images."""
    root, number = tmp_path / "BSR" / "BSDS500" / "data", 0
    for split, count in COUNTS.items():
        for _ in range(count):
            shape = TALL if number % 3 == 0 else WIDE
            write_pair(root / "images" / split, root / "groundTruth" / split, number, shape)
            number += 1
    return tmp_path


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """The same as a flat pack without test images."""
    rows = [("id", "official_split")]
    for number in range(14):
        write_pair(tmp_path / "images", tmp_path / "groundTruth", number)
        rows.append((str(1000 + number), "train" if number < 10 else "val"))
    with (tmp_path / "meta.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path


def names(splits: Splits) -> dict[str, list[str]]:
    """The names in each split."""
    parts = {name: getattr(splits, name) for name in ("unlabelled", "pool", "validation", "test")}
    return {name: [part.name(index) for index in range(len(part))] for name, part in parts.items()}


@pytest.mark.parametrize("inside", ["", "BSR/BSDS500", "BSR/BSDS500/data"])
def test_the_published_splits_are_kept(published: Path, inside: str) -> None:
    """Training images are dealt to `unlabelled` and `pool`; the folder may be any of those around the images."""
    found = names(open_bsds(str(published / inside)).load())
    assert found["validation"] == [str(number) for number in range(1010, 1014)]
    assert found["test"] == [str(number) for number in range(1014, 1019)]
    assert sorted(found["unlabelled"] + found["pool"]) == [str(number) for number in range(1000, 1010)]
    assert len(found["pool"]) == 2


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_every_check(published: Path, check: object) -> None:
    """A small BSDS500 keeps the promises of any dataset."""
    assert callable(check)
    check(open_bsds(str(published)))


def test_what_is_left_out_is_counted(published: Path) -> None:
    """Photographs of another ending, and annotations without a photograph; a Thumbs.db is published with them."""
    root = published / "BSR" / "BSDS500" / "data"
    (root / "images" / "val" / "Thumbs.db").touch()
    assert open_bsds(str(published)).load().notes == ()
    (root / "images" / "val" / "1010.png").touch()
    (root / "groundTruth" / "val" / "9.mat").touch()
    images, truths = open_bsds(str(published)).load().notes
    assert images == f"{root / 'images'}: 20 photographs, 19 read; 1 left out: .png 1"
    assert truths.endswith("; other files: .mat 1")


def test_a_look_finds_what_only_the_pixels_tell(published: Path) -> None:
    """A photograph that is cut short, or of another size than its drawings."""
    test, root = open_bsds(str(published)).load().test, published / "BSR" / "BSDS500" / "data"
    assert isinstance(test, Inspectable)
    test.inspect(0)
    path = root / "images" / "test" / f"{test.name(0)}.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(DatasetError, match=rf"{path.name} cannot be read as a picture"):
        test.inspect(0)
    Image.new("RGB", (9, 9)).save(path)
    with pytest.raises(DatasetError, match=rf"{path.name} is 9x9 pixels and .*; unpack both again"):
        test.inspect(0)


def test_a_flat_pack_is_read_too(flat: Path) -> None:
    """`meta.csv` tells the splits; where there is no test image, the validation images are halved."""
    dataset = open_bsds(str(flat))
    found = names(dataset.load())
    assert {name: len(part) for name, part in found.items()} == {"unlabelled": 8, "pool": 2, "validation": 2, "test": 2}
    assert len({name for part in found.values() for name in part}) == 14
    assert names(dataset.load()) == found


def test_an_image_and_its_contours_agree(published: Path) -> None:
    """The line lies where the picture changes, in the central square; one annotator alone makes a dispute."""
    pool = open_bsds(str(published)).load().test
    images, masks = pool.images([0, 1], 30), pool.masks([0, 1], 30)
    assert images.shape == (2, 3, 30, 30) and masks.shape == (2, 30, 30)
    for image, mask in zip(images, masks, strict=True):
        steps = (image[0, 15, 1:] - image[0, 15, :-1]).abs().argmax().item() + 1
        (line,) = (mask[15] == 1).nonzero().flatten().tolist()
        assert abs(line - steps) <= 1
        assert (mask == mask[0]).all()
        assert set(mask.flatten().tolist()) <= {0, 1, IGNORE}


@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
@settings(max_examples=25)
def test_no_line_is_lost_and_none_is_made(seed: int, size: int) -> None:
    """Of a square of side 2 * size, a pixel is set where one of the four under it is; at its own size all stay."""
    lines = np.random.default_rng(seed).random((2 * size, 2 * size)) > 0.7
    halved = lines.reshape(size, 2, size, 2).any(axis=(1, 3))
    assert np.array_equal(shrink(lines, size), halved)
    assert np.array_equal(shrink(lines, 2 * size), lines)
    assert np.array_equal(shrink(lines, 4 * size), lines.repeat(2, 0).repeat(2, 1))


@given(st.integers(0, 2**32 - 1), st.integers(1, 16), st.integers(40, 70), st.integers(40, 70))
@settings(max_examples=25)
def test_a_size_and_its_half_agree(seed: int, size: int, height: int, width: int) -> None:
    """Shrinking in two steps or in one gives the same lines, whatever the photograph's shape."""
    lines = np.random.default_rng(seed).random((height, width)) > 0.95
    assert np.array_equal(shrink(shrink(lines, 2 * size), size), shrink(lines, size))


@pytest.mark.parametrize(
    ("votes", "annotators", "value"), [(0, 5, 0), (2, 5, IGNORE), (3, 5, 1), (2, 4, 1), (1, 4, IGNORE)]
)
def test_half_of_the_annotators_decide(votes: int, annotators: int, value: int) -> None:
    """Fewer than half make a dispute, none of them makes it plain."""
    drawings = [np.full((1, 1), index < votes) for index in range(annotators)]
    assert merge_annotators(drawings).tolist() == [[value]]


def test_listing_opens_no_file(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The splits and their names are known without a look into an image or its annotations."""
    from partbench.datasets.bsds import split
    from partbench.datasets.files import images

    def refuse(*_args: Any) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(images, "decode", refuse)
    monkeypatch.setattr(split, "read_matlab", refuse)
    assert len(names(open_bsds(str(published)).load())["test"]) == 5
    code = "import sys, partbench.datasets.bsds; sys.exit(bool({'torch', 'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_hook_waits_for_a_path() -> None:
    """`bsds` alone says what is missing."""
    (dataset,) = partbench_datasets()
    assert dataset.configure is not None
    for load in (dataset.load, lambda: open_bsds("")):
        with pytest.raises(DatasetError, match="'bsds' names no images yet; say where BSDS500 lies, as bsds:PATH"):
            load()


def broken(root: Path, kind: str) -> None:
    """Spoil a flat pack."""
    if kind == "images":
        (root / "images").rename(root / "pictures")
    elif kind == "truths":
        (root / "groundTruth").rename(root / "truth")
    elif kind == "mat":
        (root / "groundTruth" / "1003.mat").unlink()
    elif kind == "meta":
        (root / "meta.csv").unlink()
    elif kind == "columns":
        (root / "meta.csv").write_text("number,split\n1003,train\n")
    elif kind == "line":
        (root / "meta.csv").write_text("id,official_split\n1003,train\n")
    elif kind == "strange":
        (root / "meta.csv").write_text("id,official_split\n1003,exam\n")
    elif kind == "few":
        (root / "meta.csv").write_text("id,official_split\n" + "".join(f"{n},val\n" for n in range(1000, 1014)))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("images", "there is no folder .*images; give the folder of BSDS500 that holds images"),
        ("truths", "there is no folder .*groundTruth; put the annotations of BSDS500 there"),
        ("mat", r"1003.jpg has no annotations; put .*groundTruth.1003.mat there"),
        ("meta", "images has no folder train; put the images into train, val and test there, or list them in .*csv"),
        ("columns", r"meta.csv has no columns id and official_split \('id'\); write it again"),
        ("line", "meta.csv does not say the split of 1000.jpg; add its line"),
        ("strange", "meta.csv has a split 'exam'; write train, val or test"),
        ("few", "no image of .* falls into the pool split; unpack all of BSDS500 there"),
    ],
)
def test_what_is_missing_is_said(flat: Path, kind: str, message: str) -> None:
    """One sentence names the file or folder, when the dataset is opened."""
    broken(flat, kind)
    with pytest.raises(DatasetError, match=message) as caught:
        open_bsds(str(flat)).load()
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Garbage, another mat file, no annotators, drawings of two sizes."""
    garbage, other, none, sizes = (tmp_path / f"{name}.mat" for name in ("garbage", "other", "none", "sizes"))
    garbage.write_text("not a mat file, and long enough to be looked at " * 9)
    savemat(other, {"anno": 1})
    write_truth(none, [])
    write_truth(sizes, [drawing(4, 5, 1), drawing(5, 4, 1)])
    for path in (garbage, other):
        with pytest.raises(DatasetError, match=f"{path.name} cannot be read as annotations of BSDS500 .*; unpack it"):
            read_drawings(path)
    for path in (none, sizes):
        with pytest.raises(DatasetError, match=f"{path.name} has no annotators, or drawings of several sizes"):
            read_drawings(path)


@pytest.mark.skipif(not REAL.exists(), reason="the pack of real images is not here")
def test_the_real_images_pass_the_checks() -> None:
    """Every one, though their contours are lines, whose share of the pixels doubles where the side is halved."""
    splits = open_bsds(str(REAL)).load()
    assert [len(part) for part in names(splits).values()] == [160, 40, 50, 50]
    for check in CHECKS:
        check(Dataset("bsds", ("plain", "contour"), load=lambda: splits))
    masks = splits.test.masks(range(8), 64)
    assert 0.03 < (masks == 1).float().mean() < 0.3
    assert 0.03 < (masks == IGNORE).float().mean() < 0.3
    assert splits.test.images([0], 64).dtype == torch.float32
