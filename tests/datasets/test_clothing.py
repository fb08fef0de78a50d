"""Clothing Co-Parsing: its layout, its split, 59 labels as eight classes, and what is said when something is wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from partbench.datasets.checks import CHECKS
from partbench.datasets.clothing import open_clothing, partbench_datasets
from partbench.datasets.clothing.files import LIST, PHOTOS, PIXELS, TAGS
from partbench.datasets.clothing.labels import CLASSES, GROUPS
from partbench.datasets.dataset import FITS, IGNORE, DatasetError, FileBacked, Inspectable, KeepsShape, Splits
from partbench.datasets.files import unpacking
from partbench.datasets.folder import open_folder

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "ccp_dev"
LABELS = ("null", *sorted(label for members in GROUPS.values() for label in members if label != "null"))
"""The labels in the published order: what is nothing, then the others by the alphabet."""
MASKED, TAGGED = 8, 3


def write_labels(root: Path, labels: tuple[str, ...] = LABELS) -> None:
    """The list as published: a row of cells."""
    cells = np.empty((1, len(labels)), dtype=object)
    cells[0, :] = labels
    savemat(root / LIST, {"label_list": cells})


def write_mask(path: Path, places: np.ndarray) -> None:
    """A mask as published: MATLAB's doubles, packed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"groundtruth": places}, do_compression=True)


def places_of(number: int) -> np.ndarray:
    """A mask of 24x16 pixels of which each block of 4x4 has another label."""
    blocks = (np.arange(24).reshape(6, 4) * 3 + number) % len(LABELS)
    return blocks.repeat(4, 0).repeat(4, 1).astype(np.float64)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A download with few photographs."""
    root = tmp_path_factory.mktemp("pristine") / "clothing-co-parsing"
    (root / PHOTOS).mkdir(parents=True)
    (root / TAGS).mkdir(parents=True)
    for number in range(1, MASKED + TAGGED + 1):
        shades = np.random.default_rng(number).integers(0, 256, (6, 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)
        Image.fromarray(shades).save(root / PHOTOS / f"{number:04d}.jpg", quality=95)
        if number <= MASKED:
            write_mask(root / PIXELS / f"{number:04d}.mat", places_of(number))
        else:
            savemat(root / TAGS / f"{number:04d}.mat", {"tags": np.ones((2, 1))})
    write_labels(root)
    return root


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(pristine, tmp_path / "clothing"))


def names(splits: Splits) -> dict[str, list[str]]:
    """The names in each split that there is."""
    parts = {name: getattr(splits, name) for name in ("pool", "test", "unlabelled")}
    return {name: [part.name(index) for index in range(len(part))] for name, part in parts.items() if part is not None}


def test_names_alone_decide_the_split(pristine: Path) -> None:
    """Half of the masked photographs are tests, the same on every machine; the others have none and are unlabelled."""
    splits = open_clothing(str(pristine)).load()
    assert names(splits) == {
        "pool": ["0002", "0003", "0004", "0008"],
        "test": ["0001", "0005", "0006", "0007"],
        "unlabelled": ["0009", "0010", "0011"],
    }
    assert splits.notes == (f"3 photographs of {pristine} have no mask in {PIXELS}, and are unlabelled",)


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_every_check(pristine: Path, check: Callable[..., None]) -> None:
    """A small download keeps the promises of any dataset."""
    check(open_clothing(str(pristine)))


def test_every_label_has_one_class() -> None:
    """59 labels, each in one of nine classes, in the order in which other tables have the classes."""
    members = [label for labels in GROUPS.values() for label in labels]
    assert len(members) == len(set(members)) == 59
    assert CLASSES == ("background", "hair", "skin", "upper", "dress", "lower", "shoes", "bag", "accessory")


def test_a_label_is_looked_up_by_its_name(root: Path) -> None:
    """Each pixel has the class of the name at its place in the list, in whatever order the list is."""
    merged = {label: place for place, labels in enumerate(GROUPS.values()) for label in labels}
    turned = LABELS[::-1]
    before = open_clothing(str(root)).load().test
    for number in range(1, MASKED + 1):
        write_mask(root / PIXELS / f"{number:04d}.mat", len(LABELS) - 1 - places_of(number))
    write_labels(root, turned)
    after = open_clothing(str(root)).load().test
    assert isinstance(after, KeepsShape)
    for index in range(len(after)):
        places = places_of(int(after.name(index))).astype(int)
        assert after.own_mask(index).tolist() == [[merged[LABELS[place]] for place in row] for row in places]
    assert len(before) == len(after)


def test_image_and_mask_become_square_alike(pristine: Path) -> None:
    """Padded by default, so that the whole of a tall picture is seen and what is beside it is ignored."""
    dataset = open_clothing(str(pristine))
    test = dataset.load().test
    mask = test.masks([0], 24)[0]
    assert isinstance(test, KeepsShape)
    assert torch.equal(mask[:, 4:20], test.own_mask(0).long())
    assert (mask[:, :4] == IGNORE).all() and (mask[:, 20:] == IGNORE).all()
    assert test.images([0, 1], 24).shape == (2, 3, 24, 24)
    for fit in FITS:
        assert torch.equal(dataset.fitted(fit).load().test.masks([0], 12), test.fitted(fit).masks([0], 12))


def test_unlabelled_photographs_have_images_only(pristine: Path) -> None:
    """Their masks are refused, and their files are the photograph."""
    unlabelled = open_clothing(str(pristine)).load().unlabelled
    assert isinstance(unlabelled, FileBacked) and isinstance(unlabelled, Inspectable)
    unlabelled.inspect(0)
    assert unlabelled.files(0) == (pristine / PHOTOS / "0009.jpg",)
    assert unlabelled.images([0], 8).shape == (1, 3, 8, 8)
    with pytest.raises(DatasetError, match=r"0009.jpg is not annotated pixel by pixel; draw shots and test images"):
        unlabelled.masks([0], 8)


def test_listing_imports_nothing_large() -> None:
    """The family is known without torch, numpy, scipy or Pillow."""
    code = "import sys, partbench.datasets.clothing as c; sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_hook_waits_for_a_path() -> None:
    """`clothing` alone says what is missing."""
    (dataset,) = partbench_datasets()
    assert dataset.configure is not None
    for load in (dataset.load, lambda: open_clothing("")):
        with pytest.raises(DatasetError, match=r"'clothing' names no images yet; say where .* lies, as clothing:PATH"):
            load()


def drop(path: Path) -> None:
    """Take a file or folder away."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (drop, "there is no folder .*clothing; say where Clothing Co-Parsing lies"),
    "no photographs": (lambda root: drop(root / PHOTOS), "there is no .*photos; put the photographs of .* there"),
    "no masks": (lambda root: drop(root / PIXELS), "there is no .*pixel-level; put the masks of .* there"),
    "no list": (lambda root: drop(root / LIST), "there is no .*label_list.mat; put the list of labels of .* there"),
    "one level off": (
        lambda root: [
            (root / "in").mkdir(),
            *((root / n).rename(root / "in" / n) for n in (PHOTOS, "annotations", LIST)),
        ],
        "clothing holds no photos, but .*in does; give .*in",
    ),
    "a folder of one's own": (
        lambda root: [
            drop(root / PHOTOS),
            (root / "annotations").rename(root / "masks"),
            drop(root / LIST),
            (root / "images").mkdir(),
        ],
        "clothing holds no photos, but images/ and masks/; read it as folder:.*clothing$",
    ),
    "a mask without a photograph": (
        lambda root: drop(root / PHOTOS / "0003.jpg"),
        r"1 of the masks in .* have no photograph \(0003.jpg\); put them into .*photos",
    ),
    "a missing mask": (
        lambda root: drop(root / PIXELS / "0003.mat"),
        r"1 of the photographs in .* have no annotation of either level \(0003.mat\); unpack .*annotations again",
    ),
    "too few": (
        lambda root: [drop(root / PIXELS / f"{number:04d}.mat") for number in range(2, 9)] + [drop(root / TAGS)],
        "has 1 photographs with masks and none of them falls into the pool split; unpack all of",
    ),
    "an unknown label": (
        lambda root: write_labels(root, (*LABELS[:-1], "crocs")),
        r"label_list.mat names labels that belong to no class \(crocs\); bring back the file as published",
    ),
    "a label twice": (
        lambda root: write_labels(root, (*LABELS[:-1], "hair")),
        "label_list.mat names hair twice; bring back the file as published, with its 59 labels",
    ),
    "another variable": (
        lambda root: savemat(root / LIST, {"names": 1}),
        r"label_list.mat cannot be read as a list of labels \(.*\); unpack it again",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_missing_is_said(root: Path, fault: str) -> None:
    """One sentence names the file or folder, when the dataset is opened."""
    spoil, message = FAULTS[fault]
    spoil(root)
    with pytest.raises(DatasetError, match=message) as caught:
        open_clothing(str(root)).load()
    assert "\n" not in str(caught.value)


MASK_FAULTS = {
    "too large": (np.full((24, 16), 59.0), r"0001.mat holds 59, and its labels are 0 to 58; unpack it again"),
    "negative": (np.full((24, 16), -1.0), "0001.mat holds -1, and its labels are 0 to 58"),
    "a fraction": (np.full((24, 16), 0.5), "0001.mat has no whole numbers for the rows and columns of an image"),
    "no number": (np.full((24, 16), np.nan), "0001.mat has no whole numbers"),
    "three axes": (np.zeros((24, 16, 3)), "0001.mat has no whole numbers for the rows and columns"),
    "another size": (np.zeros((16, 24)), r"0001.jpg is 16x24 pixels and .*0001.mat 24x16; unpack both again"),
}


@pytest.mark.parametrize("fault", MASK_FAULTS)
def test_a_look_finds_what_is_wrong_with_a_mask(root: Path, fault: str) -> None:
    """Numbers that stand for no label, and shapes that are not the photograph's."""
    places, message = MASK_FAULTS[fault]
    write_mask(root / PIXELS / "0001.mat", places)
    test = open_clothing(str(root)).load().test
    assert isinstance(test, Inspectable) and test.name(0) == "0001"
    with pytest.raises(DatasetError, match=message):
        test.inspect(0)


def test_a_mask_that_cannot_be_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Garbage, another variable, and one that would become too large."""
    test, path = open_clothing(str(root)).load().test, root / PIXELS / "0001.mat"
    whole = path.read_bytes()
    for spoiled in (b"no MATLAB file, and long enough to be looked at" * 9, whole[:-20]):
        path.write_bytes(spoiled)
        with pytest.raises(DatasetError, match=r"0001.mat cannot be read as a mask of Clothing Co-Parsing \(.*\)"):
            test.masks([0], 8)
    savemat(path, {"tags": 1})
    with pytest.raises(DatasetError, match=r"0001.mat cannot be read as a mask"):
        test.masks([0], 8)
    path.write_bytes(whole)
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1000)
    with pytest.raises(DatasetError, match=r"0001.mat cannot be read as a mask .*would become more than"):
        test.masks([0], 8)


@pytest.mark.skipif(not REAL.is_dir(), reason="the pack of real images is not here")
def test_the_classes_are_those_of_the_real_pack() -> None:
    """The pack of 240 photographs, merged from the same labels, has the same classes in the same order."""
    assert open_folder(str(REAL)).classes == CLASSES
