"""A user's folder as a dataset: its splits, its pixels, and an error for each thing that can be wrong with it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from partbench.datasets.checks import CHECKS
from partbench.datasets.dataset import IGNORE, Dataset, DatasetError, Inspectable, Splits
from partbench.datasets.folder import open_folder, partbench_datasets
from partbench.datasets.folder.files import drawn_splits

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
CLASSES = ["background", "left_eye", "right_eye", "nose"]


def write_json(path: Path, content: object) -> None:
    """Write an object as a JSON file."""
    path.write_text(json.dumps(content))


def save(path: Path, pixels: np.ndarray, **options: Any) -> None:
    """Write a picture or a mask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def add_pair(folder: Path, name: str, height: int = 32, width: int = 32, seed: int = 0) -> None:
    """An image of soft random blots, and a mask of four quarters, one for each class."""
    blots = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = Image.fromarray(blots).resize((width, height), Image.Resampling.BILINEAR)
    quarters = 2 * (np.arange(height)[:, None] * 2 // height) + np.arange(width) * 2 // width
    save(folder / "images" / name, np.asarray(image))
    save(folder / "masks" / f"{Path(name).stem}.png", quarters.astype(np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six images of several kinds and sizes, a, b, c, d, e and f, with masks and class names."""
    root = tmp_path / "cats"
    root.mkdir()
    for seed, name in enumerate(("a.jpg", "b.jpeg", "c.png", "d.webp", "e.PNG", "f.jpg")):
        add_pair(root, name, 32 + 4 * seed, 40, seed)
    write_json(root / "classes.json", {"classes": CLASSES})
    return root


def look(dataset: Dataset) -> Splits:
    """The splits of a dataset after a look at every file."""
    splits = dataset.load()
    for split in (splits.pool, splits.test, splits.validation, splits.unlabelled):
        for index in range(len(split) if split else 0):
            assert isinstance(split, Inspectable)
            split.inspect(index)
    return splits


def names(split: Any) -> list[str]:
    """The names of all the images of a split."""
    return [split.name(index) for index in range(len(split))]


def test_listing_the_family_imports_nothing_heavy() -> None:
    """`partbench list` answers at once: no torch, numpy or Pillow until a folder is loaded."""
    code = "import sys, partbench.datasets.folder; sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_family_asks_for_a_path() -> None:
    """`folder` alone is no dataset yet."""
    (family,) = partbench_datasets()
    assert family.name == "folder"
    assert family.configure is open_folder
    for ask in (family.load, lambda: open_folder("")):
        with pytest.raises(DatasetError, match=r"say which folder, as folder:PATH"):
            ask()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("grouping", ["", "#nose,left_eye"])
def test_a_folder_passes_the_checks(folder: Path, check: Callable[[Dataset], None], grouping: str) -> None:
    """A folder keeps the promises of every dataset."""
    check(open_folder(f"{folder}{grouping}"))


def test_opening_reads_the_classes_alone(tmp_path: Path) -> None:
    """Names, classes and exclusions are known before any image is there."""
    write_json(tmp_path / "classes.json", {"classes": CLASSES, "excluded": ["background"]})
    dataset = open_folder(str(tmp_path))
    assert dataset.name == f"folder:{tmp_path}"
    assert dataset.classes == tuple(CLASSES)
    assert dataset.excluded == {"background"}


def test_the_parent_may_hold_the_json_files(folder: Path) -> None:
    """Several versions of the same images share one classes.json and one splits.json."""
    (folder / "small").mkdir()
    for name in ("a.png", "b.png"):
        add_pair(folder / "small", name)
    write_json(folder / "splits.json", {"pool": ["b"], "test": ["a"]})
    dataset = open_folder(str(folder / "small"))
    assert dataset.classes == tuple(CLASSES)
    assert names(dataset.load().pool) == ["b"]


def test_a_folder_may_have_a_hash_in_its_name(folder: Path) -> None:
    """What exists as a whole is taken as a whole."""
    odd = folder.rename(folder.with_name("cats#2"))
    assert open_folder(str(odd)).classes == tuple(CLASSES)
    assert open_folder(f"{odd}#nose").classes == ("background", "nose")


def test_images_and_masks_are_cut_alike(folder: Path) -> None:
    """The central square of a wide image at half its size: four quarters, without the sides."""
    add_pair(folder, "wide.png", height=16, width=32)
    write_json(folder / "splits.json", {"pool": ["wide"], "test": ["a"]})
    pool = open_folder(str(folder), "crop").load().pool
    expected = torch.tensor([[0, 1], [2, 3]]).repeat_interleave(4, 0).repeat_interleave(4, 1)
    assert torch.equal(pool.masks([0], 8)[0], expected)
    pixels = np.array(Image.open(folder / "images" / "wide.png"))[:, 8:24]
    assert torch.equal(pool.images([0], 16)[0], torch.from_numpy(pixels).permute(2, 0, 1) / 255)


@settings(max_examples=50)
@given(side=st.integers(1, 40), size=st.integers(1, 40))
def test_a_mask_pixel_is_the_one_under_its_centre(side: int, size: int) -> None:
    """Row i of the resized mask is the row of the file that holds the point (i + 1/2) / size."""
    from partbench.datasets.files.masks import square_labels

    rows = square_labels(np.repeat(np.arange(side)[:, None], side, 1), size)[:, 0]
    assert rows.tolist() == [int((i + 0.5) / size * side + 1e-9) for i in range(size)]


def test_the_ignored_value_becomes_ignore(folder: Path) -> None:
    """Whatever value the folder ignores, readers see IGNORE, in every grouping."""
    save(folder / "masks" / "a.png", np.full((32, 40), 99, dtype=np.uint8))
    write_json(folder / "classes.json", {"classes": CLASSES, "ignore_index": 99})
    write_json(folder / "splits.json", {"pool": ["a"], "test": ["b"]})
    for grouping in ("", "#nose"):
        assert (open_folder(f"{folder}{grouping}").load().pool.masks([0], 8) == IGNORE).all()


@pytest.mark.parametrize("ignore", [-(10**30), -100, -2, -1, 4, 256, 2**32 - 1, 2**63, 10**30, None])
def test_any_number_may_be_ignored(folder: Path, ignore: int | None) -> None:
    """One that no mask holds, however large or small, ignores nothing, and what has no name is still refused."""
    write_json(folder / "classes.json", {"classes": CLASSES, "ignore_index": ignore})
    write_json(folder / "splits.json", {"pool": ["a"], "test": ["b"]})
    masks = open_folder(str(folder), "crop").load().pool.masks([0], 8)
    assert masks.unique().tolist() == [0, 1, 2, 3]
    for stranger in (77, 255, 65535):
        save(folder / "masks" / "a.png", np.full((32, 40), stranger, dtype=np.uint16))
        with pytest.raises(DatasetError, match=rf"a.png holds {stranger}, which classes.json does not name; mend"):
            look(open_folder(str(folder)))


@pytest.mark.parametrize("ignore", [5, 256, 65535])
def test_any_number_that_a_mask_holds_is_ignored(folder: Path, ignore: int) -> None:
    """Where the others are as they were, and its neighbours in number are no less unknown."""
    save(folder / "masks" / "a.png", np.tile(np.array([0, 3, ignore, ignore], dtype=np.uint16), (32, 10)))
    write_json(folder / "classes.json", {"classes": CLASSES, "ignore_index": ignore})
    write_json(folder / "splits.json", {"pool": ["a"], "test": ["b"]})
    masks = open_folder(str(folder), "crop").load().pool.masks([0], 32)
    assert masks.unique().tolist() == [0, 3, IGNORE]
    assert (masks == IGNORE).float().mean() == 0.5
    save(folder / "masks" / "a.png", np.full((32, 40), ignore - 1, dtype=np.uint16))
    with pytest.raises(DatasetError, match=rf"holds {ignore - 1}, which"):
        look(open_folder(str(folder)))


def test_palette_masks_hold_their_indices(folder: Path) -> None:
    """The colours of an index PNG are for the eye alone."""
    labels = Image.fromarray(np.full((32, 40), 3, dtype=np.uint8))
    labels.putpalette([200, 100, 50] * 256)
    labels.save(folder / "masks" / "a.png")
    write_json(folder / "splits.json", {"pool": ["a"], "test": ["b"]})
    assert (open_folder(str(folder), "crop").load().pool.masks([0], 8) == 3).all()


def test_a_rotated_photograph_fits_its_upright_mask(folder: Path) -> None:
    """The image is turned as its EXIF says; the mask is drawn on the upright image."""
    exif = Image.Exif()
    exif[0x0112] = 6
    save(folder / "images" / "a.jpg", np.zeros((40, 32, 3), dtype=np.uint8), exif=exif)
    assert len(look(open_folder(str(folder))).pool) == 3


def test_image_and_mask_stand_upright_each_as_its_own_exif_says(folder: Path) -> None:
    """A mask that was saved with the EXIF of its photograph is turned with it, one without it is not."""
    pixels, labels = np.zeros((32, 32, 3), dtype=np.uint8), np.zeros((32, 32), dtype=np.uint8)
    pixels[4:12, 20:28, 0], labels[4:12, 20:28] = 255, 1
    write_json(folder / "splits.json", {"pool": ["a"], "test": ["b"]})
    (folder / "images" / "a.jpg").unlink()
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        save(folder / "images" / "a.png", pixels, exif=exif)
        upright = np.asarray(ImageOps.exif_transpose(Image.open(folder / "images" / "a.png")))[..., 0] == 255
        for mask, options in ((labels, {"exif": exif}), (upright.astype(np.uint8), {})):
            save(folder / "masks" / "a.png", mask, **options)
            pool = look(open_folder(str(folder))).pool
            assert torch.equal(pool.masks([0], 32)[0] == 1, pool.images([0], 32)[0, 0] == 1), orientation


def test_a_photograph_that_is_cut_short_is_found_by_a_look(folder: Path) -> None:
    """Its header is whole and of the right size; the pixels are not."""
    whole = (folder / "images" / "a.jpg").read_bytes()
    (folder / "images" / "a.jpg").write_bytes(whole[: len(whole) - 40])
    with pytest.raises(DatasetError, match=r"images/a\.jpg cannot be read as a picture \(.*truncated"):
        look(open_folder(str(folder)))


def hide(folder: Path, shown: int, hidden: int) -> None:
    """Masks of two values."""
    for mask in (folder / "masks").iterdir():
        labels = np.asarray(Image.open(mask))
        save(mask, np.where(labels == 3, hidden, shown).astype(np.uint8))


def test_an_ignored_value_that_nobody_declared_is_said_with_its_share(folder: Path) -> None:
    """Where classes.json says nothing of 255, and what no mask shows beside it; declared, it is nobody's surprise."""
    labels = np.zeros((32, 40), dtype=np.uint8)
    labels[:8], labels[8:12], labels[12:16] = 255, 1, 2
    save(folder / "masks" / "a.png", labels)
    write_json(folder / "splits.json", {"pool": ["a"], "test": ["b"]})
    said = look(open_folder(str(folder))).remarks()
    assert len(said) == 1
    assert said[0].startswith("255 is ignored, 11.8% of the pixels, in 1 of 2 masks; classes.json does not say what")
    (folder / "masks" / "b.png").write_bytes((folder / "masks" / "a.png").read_bytes())
    save(folder / "images" / "b.jpeg", np.zeros((32, 40, 3), dtype=np.uint8))
    (said_now,) = look(open_folder(str(folder))).remarks()
    assert said_now.startswith("255 is ignored, 25.0% of the pixels, in 2 of 2 masks, and no mask shows 'nose'; ")
    write_json(folder / "classes.json", {"classes": CLASSES, "ignore_index": 255})
    assert look(open_folder(str(folder))).remarks() == ()


def test_masks_of_black_and_white_are_refused(folder: Path) -> None:
    """Where 0 and 255 are all that they hold, the class that 255 means is not there at all."""
    write_json(folder / "classes.json", {"classes": ["background", "cat"]})
    hide(folder, 0, 255)
    splits = look(open_folder(str(folder)))
    with pytest.raises(
        DatasetError, match=r"^255 is ignored, 2\d\.\d% of .* in 6 of 6 masks, and no mask shows 'cat'; "
    ):
        splits.remarks()


def test_without_lists_half_is_pool_and_half_is_test(folder: Path) -> None:
    """The split is drawn by name: these names are dealt like this on every machine, for ever."""
    splits = open_folder(str(folder)).load()
    assert names(splits.pool) == ["a", "b", "e"]
    assert names(splits.test) == ["c", "d", "f"]
    assert splits.validation is None
    assert splits.unlabelled is None


@settings(max_examples=50)
@given(stems=st.sets(st.text("abcdef", min_size=1), min_size=2), extra=st.text("xyz", min_size=1))
def test_adding_an_image_moves_at_most_one_other(stems: set[str], extra: str) -> None:
    """The halves are equal, independent of order, and stay nearly the same as a folder grows."""
    before, after = drawn_splits(sorted(stems)), drawn_splits({extra, *stems})
    assert len(before["test"]) - len(before["pool"]) in (0, 1)
    assert drawn_splits(sorted(stems, reverse=True)) == before
    moved = (set(before["pool"]) & set(after["test"])) | (set(before["test"]) & set(after["pool"]))
    assert len(moved) <= 1


def test_accents_are_dealt_alike_on_every_system() -> None:
    """A name keeps its place whether its accents are composed or not."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    others = [str(number) for number in range(9)]
    sides = [next(k for k, v in drawn_splits([s, *others]).items() if s in v) for s in (composed, decomposed)]
    assert sides[0] == sides[1]


COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(("image", "mask"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_an_image_and_its_mask_may_spell_an_accent_in_two_ways(folder: Path, image: str, mask: str) -> None:
    """Files that came by way of macOS are paired, listed and named as those beside them."""
    add_pair(folder, f"{image}.png")
    (folder / "masks" / f"{image}.png").rename(folder / "masks" / f"{mask}.png")
    write_json(folder / "classes.json", {"classes": ["background", "left_eye", "right_eye", mask]})
    write_json(folder / "splits.json", {"pool": [mask], "test": ["a"]})
    dataset = open_folder(f"{folder}#{image}")
    assert dataset.classes == ("background", COMPOSED)
    splits = dataset.load()
    assert names(splits.pool) == [COMPOSED]
    assert splits.pool.masks([0], 8).unique().tolist() == [0, 1]


def test_what_is_left_out_is_counted(folder: Path) -> None:
    """Images and masks of other kinds, in subfolders, without each other, and in no split."""
    assert open_folder(str(folder)).load().notes == ()
    for name in ("g.bmp", "h.tif", "i.jfif", "more/j.png"):
        save(folder / "images" / name, np.zeros((4, 4, 3), dtype=np.uint8), format="PNG")
        save(folder / "masks" / f"{Path(name).stem}.png", np.zeros((4, 4), dtype=np.uint8))
    (folder / "masks" / "notes.txt").touch()
    save(folder / "unlabelled" / "k.gif", np.zeros((4, 4), dtype=np.uint8))
    save(folder / "unlabelled" / "l.png", np.zeros((4, 4), dtype=np.uint8))
    write_json(folder / "splits.json", {"pool": ["a", "b"], "test": ["c"]})
    assert open_folder(str(folder)).load().notes == (
        f"{folder}/images: 10 images, 6 read; 4 left out: .bmp 1, .jfif 1, .tif 1, in subfolders 1",
        f"{folder}/masks: 10 masks, 10 read; other files: .txt 1",
        "splits.json leaves out 3 of 6 images: d.webp, e.PNG, f.jpg",
        "4 of 10 masks have no image that is read: g.png, h.png, i.png and 1 more",
        f"{folder}/unlabelled: 2 pictures, 1 read; 1 left out: .gif 1",
    )


def test_listed_splits_are_kept_in_order(folder: Path) -> None:
    """splits.json decides; an image that it leaves out is not used, and needs no mask."""
    write_json(folder / "splits.json", {"pool": ["d", "a"], "test": ["c"], "validation": ["b"]})
    (folder / "masks" / "f.png").unlink()
    splits = open_folder(str(folder)).load()
    assert names(splits.pool) == ["d", "a"]
    assert names(splits.test) == ["c"]
    assert splits.validation is not None
    assert names(splits.validation) == ["b"]


def test_unlabelled_images_are_read_without_masks(folder: Path) -> None:
    """An unlabelled/ folder becomes the split for pretraining."""
    save(folder / "unlabelled" / "x.png", np.zeros((9, 9), dtype=np.uint8))
    unlabelled = open_folder(str(folder)).load().unlabelled
    assert unlabelled is not None
    assert names(unlabelled) == ["x.png"]
    with pytest.raises(DatasetError, match=r"have no masks"):
        unlabelled.masks([0], 8)


def break_split(content: object) -> Callable[[Path], None]:
    """A splits.json that is wrong."""
    return lambda folder: write_json(folder / "splits.json", content)


def remove(*places: str) -> Callable[[Path], None]:
    """Files that are missing."""

    def spoil(folder: Path) -> None:
        for place in places:
            (folder / place).unlink()

    return spoil


def empty(place: str) -> Callable[[Path], None]:
    """A folder with nothing in it."""

    def spoil(folder: Path) -> None:
        for path in (folder / place).iterdir():
            path.unlink()

    return spoil


FAULTS: list[tuple[Callable[[Path], Any], str]] = [
    (lambda f: (f / "images").rename(f / "pictures"), r"no folder .*cats/images; put the images there"),
    (lambda f: (f / "masks").rename(f / "labels"), r"no folder .*cats/masks; put the masks there"),
    (empty("images"), r"cats/images holds no .*\.webp file; put the images there"),
    (remove("masks/a.png"), r"1 of the images in .*images have no mask \(a.jpg\); add .*masks/a.png .* or move"),
    (
        lambda f: (f / "masks" / "a.png").rename(f / "masks" / "A.PNG"),
        r"have no mask \(a.jpg\); there is .*masks/A.PNG: rename it to a.png",
    ),
    (
        lambda f: (f / "masks" / "a.png").rename(f / "masks" / "a.tif"),
        r"have no mask \(a.jpg\); there is .*masks/a.tif: save it as a.png",
    ),
    (empty("masks"), r"cats/masks holds no \.png file; put the masks there"),
    (
        remove(*(f"masks/{name}.png" for name in "abcde")),
        r"5 of the images .* \(a.jpg, b.jpeg, c.png and 2 more\); add",
    ),
    (lambda f: add_pair(f, "a.png"), r"images/a.jpg and .*images/a.png share one name; rename or remove"),
    (
        lambda f: save(f / "masks" / "a.png", np.zeros((8, 9), dtype=np.uint8)),
        r"images/a.jpg is 40x32 pixels and .*masks/a.png is 9x8; bring both to one size",
    ),
    (
        lambda f: save(f / "masks" / "a.png", np.tile(np.array([7, 4, 9, 255], dtype=np.uint8), (32, 10))),
        r"masks/a.png holds 4, 7, 9, which classes.json does not name; mend the mask",
    ),
    (
        lambda f: save(f / "masks" / "a.png", np.full((32, 40), 1000, dtype=np.uint16)),
        r"masks/a.png holds 1000, which classes.json does not name; mend the mask",
    ),
    (
        lambda f: save(f / "masks" / "a.png", np.zeros((32, 40, 3), dtype=np.uint8)),
        r"masks/a.png holds colours \(RGB\) where .*; save it as an index PNG",
    ),
    (lambda f: (f / "masks" / "a.png").write_bytes(b"no"), r"masks/a.png cannot be read as a picture .*; replace"),
    (lambda f: (f / "images" / "a.jpg").write_bytes(b"no"), r"images/a.jpg cannot be read as a picture .*; replace"),
    (lambda f: (f / "unlabelled").mkdir(), r"no picture was found in .*unlabelled; put jpg"),
    (lambda f: (f / "splits.json").write_text("{"), r"splits.json cannot be read as JSON .*; mend it there"),
    (break_split({"pool": ["a"], "tset": ["b"]}), r"splits.json has a split 'tset': .*; did you mean 'test'\?"),
    (break_split({"pool": "a", "test": ["b"]}), r"splits.json has no list of names for 'pool'; write it as"),
    (break_split({"pool": ["a"], "test": ["z"]}), r"lists 'z' in test, and images/ has no such image; mend the name"),
    (break_split({"pool": ["a.jpg"], "test": ["b"]}), r"lists 'a.jpg' in pool.*; write names .* without their endings"),
    (break_split({"pool": ["a"], "test": ["b", "a"]}), r"lists 'a' in pool and in test; take one of them out"),
    (break_split({"pool": ["a", "a"], "test": ["b"]}), r"lists 'a' twice in pool; take one of them out"),
    (break_split({"pool": ["a"]}), r"6 images and none of them falls into the test split; add images, or list"),
    (break_split({"pool": [], "test": ["a"]}), r"none of them falls into the pool split; add images, or list"),
]


@pytest.mark.parametrize(("spoil", "message"), FAULTS)
def test_a_fault_is_named_before_any_compute(folder: Path, spoil: Callable[[Path], Any], message: str) -> None:
    """A look at the files names the one at fault and how to mend it."""
    dataset = open_folder(str(folder))
    look(dataset)
    spoil(folder)
    with pytest.raises(DatasetError, match=message):
        look(dataset)


@pytest.mark.skipif(not SHARED.exists(), reason="the packs of real images are not here")
@pytest.mark.parametrize(
    ("spec", "classes", "excluded"),
    [
        ("fasseg_dev/jitter256#eyes,mouth,nose", "background eyes mouth nose", {"background"}),
        ("facesynth_dev#paper10", "background eyes mouth nose face clothes hair eyebrows ears neck", set()),
    ],
)
def test_the_packs_of_real_images_pass_the_checks(spec: str, classes: str, excluded: set[str]) -> None:
    """Real folders, with the groupings that the paper's tasks need."""
    dataset = open_folder(str(SHARED / spec))
    assert dataset.classes == tuple(classes.split())
    assert dataset.excluded == excluded
    splits = dataset.load()
    for check in CHECKS:
        check(Dataset(dataset.name, dataset.classes, load=lambda: splits, excluded=dataset.excluded))
