"""CelebAMask-HQ: its layout, its split, the paper's classes, the two constructions of overlaps, and every fault."""

from __future__ import annotations

import json
import shutil
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
from PIL import Image

from partbench.benchmark.cli.main import main
from partbench.datasets.celebamask_hq import open_celebamask, partbench_datasets
from partbench.datasets.celebamask_hq.files import HEADER, IMAGES, MAPPING, MASKS, deal, official_split
from partbench.datasets.celebamask_hq.parts import GROUPINGS, OVERLAPS, PARTS
from partbench.datasets.celebamask_hq.split import paint
from partbench.datasets.checks import CHECKS
from partbench.datasets.dataset import FITS, IGNORE, DatasetError, FileBacked, Inspectable, KeepsShape, Split, Splits

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "celebamask_tiny"
ORIGINS = {0: 162770, 1: 162771, 2: 182637, 3: 182638, 4: 0, 5: 7, 6: 99, 2000: 1234, 2001: 202598}
"""Numbers in CelebA by number of the image: the two borders from both sides, and a second folder of masks."""
BOXES = {
    "skin": (4, 13, 4, 12),
    "nose": (8, 10, 7, 9),
    "eye_g": (5, 8, 2, 7),
    "l_eye": (6, 7, 5, 7),
    "r_eye": (6, 7, 9, 11),
    "l_brow": (5, 6, 5, 7),
    "r_brow": (5, 6, 9, 11),
    "l_ear": (6, 9, 3, 4),
    "r_ear": (6, 9, 12, 13),
    "mouth": (11, 12, 6, 10),
    "u_lip": (10, 11, 6, 10),
    "l_lip": (12, 13, 6, 10),
    "hair": (2, 5, 3, 13),
    "hat": (0, 3, 3, 13),
    "ear_r": (9, 10, 3, 4),
    "neck_l": (13, 14, 4, 7),
    "neck": (13, 16, 6, 10),
    "cloth": (14, 16, 0, 16),
}
"""Top, bottom, left and right of each part on a grid of 16; some lie on top of others."""


def write_mask(root: Path, number: int, part: str, mask: np.ndarray) -> None:
    """One part as published: white on black, in the folder of its image."""
    place = root / MASKS / str(number // 2000)
    place.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).save(place / f"{number:05d}_{part}.png")


def write_face(root: Path, number: int) -> None:
    """A photograph of 64 pixels, and masks of 32."""
    (root / IMAGES).mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(pixels.repeat(8, 0).repeat(8, 1)).save(root / IMAGES / f"{number}.jpg", quality=95)
    for part, (top, bottom, left, right) in BOXES.items():
        mask = np.zeros((16, 16), bool)
        mask[top:bottom, left:right] = True
        write_mask(root, number, part, mask.repeat(2, 0).repeat(2, 1))


def write_mapping(root: Path, origins: dict[int, int]) -> None:
    """The mapping file with its header and columns of spaces."""
    rows = [f"{number:<12}{origin:<12}{origin:06d}.jpg" for number, origin in origins.items()]
    (root / MAPPING).write_text("\n".join(["idx         orig_idx    orig_file", *rows]) + "\n")


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A download with few images."""
    root = tmp_path_factory.mktemp("pristine") / "CelebAMask-HQ"
    for number in ORIGINS:
        write_face(root, number)
    write_mapping(root, ORIGINS)
    return root


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil, with masks of skin, nose and mouth alone."""
    others = [f"*_{part}.png" for part in PARTS if part not in ("skin", "nose", "mouth")]
    shutil.copytree(pristine, tmp_path / "CelebAMask-HQ", ignore=shutil.ignore_patterns(*others))
    return tmp_path / "CelebAMask-HQ"


def names(splits: Splits) -> dict[str, list[str]]:
    """The names in each split that there is."""
    parts = {name: getattr(splits, name) for name in ("pool", "validation", "test", "unlabelled")}
    return {name: [part.name(index) for index in range(len(part))] for name, part in parts.items() if part is not None}


def test_the_official_split_goes_by_the_number_in_celeba(pristine: Path) -> None:
    """Below 162,771 an image is for training, below 182,638 for validation, and else for the test."""
    assert names(open_celebamask(str(pristine)).load()) == {
        "pool": ["00000", "00004", "00005", "00006", "02000"],
        "validation": ["00001", "00002"],
        "test": ["00003", "02001"],
    }
    assert [official_split(origin) for origin in (162770, 162771, 182637, 182638)] == [
        "pool",
        "validation",
        "validation",
        "test",
    ]


def test_train_images_can_be_left_unlabelled(pristine: Path) -> None:
    """`unlabelled` deals four of five train images to that split; validation and test stay as they are."""
    whole = names(open_celebamask(str(pristine)).load())
    dealt = names(open_celebamask(f"{pristine}#unlabelled").load())
    assert len(dealt["pool"]) == 1 and len(dealt["unlabelled"]) == 4
    assert sorted(dealt["pool"] + dealt["unlabelled"]) == whole["pool"]
    assert {**dealt, "pool": whole["pool"], "unlabelled": []} == {**whole, "unlabelled": []}
    many = deal(range(24183))
    assert [len(part) for part in many.values()] == [4836, 19347]
    assert sorted(many["pool"] + many["unlabelled"]) == list(range(24183))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("options", ["", "#paper3,painter", "#all19,unlabelled"])
def test_it_passes_every_check(pristine: Path, check: Callable[..., None], options: str) -> None:
    """A small download keeps the promises of any dataset, whatever the options."""
    check(open_celebamask(f"{pristine}{options}"))


def test_it_passes_them_on_the_command_line(
    pristine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`partbench check celebamask-hq:PATH#paper3` finds the family and nothing to complain of."""
    monkeypatch.setattr(sys, "argv", ["partbench", "check", f"celebamask-hq:{pristine}#paper3", "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    outcomes = json.loads(capsys.readouterr().out)["outcomes"].values()
    assert outcomes and all(one["word"] == "passes" for one in outcomes)


def test_the_classes_are_the_papers() -> None:
    """Three classes without the background in the average, ten with it, and all parts; every part has one class."""
    three, ten, all_parts = (open_celebamask(f"nowhere#{name}") for name in ("paper3", "paper10", "all19"))
    assert open_celebamask("nowhere").classes == ten.classes
    assert three.classes == ("background", "eyes", "mouth", "nose") and three.excluded == {"background"}
    others = ("face", "clothes", "hair", "eyebrows", "ears", "neck")
    assert ten.classes == (*three.classes, *others) and not ten.excluded
    assert all_parts.classes == ("background", *PARTS) and not all_parts.excluded
    for grouping in GROUPINGS.values():
        assert sorted(grouping.priority) == sorted(grouping.groups)
        grouped = [part for parts in grouping.groups.values() for part in parts]
        assert len(set(grouped)) == len(grouped) and set(grouped) <= set(PARTS)
    assert set(PARTS) - {part for parts in GROUPINGS["paper10"].groups.values() for part in parts} == {
        "hat",
        "eye_g",
        "ear_r",
        "neck_l",
    }


SITUATIONS = (
    ("skin", "hair"),
    ("skin", "eye_g"),
    ("hair", "r_eye"),
    ("skin", "l_eye"),
    ("nose", "l_lip"),
    ("neck", "cloth"),
    ("hat",),
    ("neck", "skin"),
)
"""Parts that lie on each other, one pair in each column of a mask."""
BY_HAND = {
    "paper10,first": ("hair", "face", "hair", "eyes", "mouth", "neck", "background", "face"),
    "paper10,painter": ("hair", "background", "hair", "eyes", "mouth", "clothes", "background", "neck"),
    "paper3,first": ("background", "background", "eyes", "eyes", "mouth", *["background"] * 3),
    "paper3,painter": ("background", "background", "background", "eyes", "mouth", *["background"] * 3),
    "all19,first": ("hair", "skin", "hair", "l_eye", "l_lip", "neck", "hat", "skin"),
    "all19,painter": ("hair", "eye_g", "hair", "l_eye", "l_lip", "cloth", "hat", "neck"),
}


def write_situations(root: Path, number: int) -> None:
    """The masks of one image, replaced by columns of overlaps."""
    for path in (root / MASKS / "0").glob(f"{number:05d}_*.png"):
        path.unlink()
    for part in PARTS:
        columns = np.array([part in situation for situation in SITUATIONS])
        if columns.any():
            write_mask(root, number, part, np.tile(columns, (8, 1)))


@pytest.mark.parametrize(("options", "expected"), BY_HAND.items())
def test_overlaps_end_as_worked_out_by_hand(root: Path, options: str, expected: tuple[str, ...]) -> None:
    """`first` goes by the authors' list, `painter` by the order in which the official script paints."""
    write_situations(root, 3)
    dataset = open_celebamask(f"{root}#{options}")
    test = dataset.load().test
    assert test.name(0) == "00003"
    for size in (8, 16, 4):
        found = [dataset.classes[index] for index in test.masks([0], size)[0, size - 1].tolist()]
        columns = [(2 * column + 1) * 8 // (2 * size) for column in range(size)]
        assert found == [expected[column] for column in columns]


def random_parts(seed: int) -> dict[str, np.ndarray]:
    """Masks of some of the parts, any on any other."""
    dice = np.random.default_rng(seed)
    return {part: dice.random((6, 6)) < 0.2 for part in PARTS if dice.random() < 0.8}


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_first_is_the_first_of_the_classes_that_lie_there(seed: int) -> None:
    """As the authors compute it: the classes' masks stacked in their list, the background last, and the argmax."""
    parts = random_parts(seed)
    for grouping in GROUPINGS.values():
        nothing = np.zeros((6, 6), bool)
        stack = [
            np.any([parts.get(part, nothing) for part in grouping.groups[name]], axis=0) for name in grouping.priority
        ]
        winners = np.argmax([*stack, np.ones((6, 6), bool)], axis=0)
        indices = np.array([*map(grouping.classes.index, grouping.priority), 0])
        assert np.array_equal(paint(parts, grouping.strokes("first")), indices[winners])


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_painter_merges_what_was_painted(seed: int) -> None:
    """Of every grouping, it is the map of all parts with its values renamed; so is `first` of the ten classes."""
    parts = random_parts(seed)
    for name, overlaps in (("paper10", "painter"), ("paper3", "painter"), ("paper10", "first")):
        groups = GROUPINGS[name].groups
        index = {part: row for row, members in enumerate(groups.values(), 1) for part in members}
        renamed = np.array([0, *(index.get(part, 0) for part in PARTS)])
        whole = paint(parts, GROUPINGS["all19"].strokes(overlaps))
        assert np.array_equal(renamed[whole], paint(parts, GROUPINGS[name].strokes(overlaps)))


def test_a_part_without_a_file_is_absent(root: Path) -> None:
    """Nothing is wrong with it; a mask in colour counts where any channel does."""
    test = open_celebamask(f"{root}#paper3").load().test
    assert set(test.masks([0], 32).unique().tolist()) == {0, 2, 3}
    blue = np.zeros((32, 32, 3), np.uint8)
    blue[:4, :4, 2] = 1
    Image.fromarray(blue).save(root / MASKS / "0" / "00003_l_eye.png")
    assert (test.masks([0], 32)[0, :4, :4] == 1).all() and (test.masks([0], 32) == 1).sum() == 16


def test_an_image_opens_only_its_own_files(pristine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening the dataset reads nothing, loading it opens no picture, and three classes open six masks at most."""
    opened: list[str] = []
    real = Image.open

    def spy(path: Any, *arguments: Any, **options: Any) -> Any:
        opened.append(Path(path).name)
        return real(path, *arguments, **options)

    monkeypatch.setattr(Image, "open", spy)
    open_celebamask("nowhere#paper3")
    test = open_celebamask(f"{pristine}#paper3").load().test
    assert opened == []
    assert test.images([0], 16).shape == (1, 3, 16, 16)
    assert opened == ["3.jpg"]
    test.masks([0], 16)
    assert sorted(opened[1:]) == [f"00003_{part}.png" for part in ("l_eye", "l_lip", "mouth", "nose", "r_eye", "u_lip")]


def test_listing_imports_nothing_large() -> None:
    """The family is known without torch, numpy or Pillow."""
    code = "import sys, partbench.datasets.celebamask_hq; sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_photograph_is_read_whole(pristine: Path) -> None:
    """At its own size it is what the file holds, in [0, 1]."""
    whole = open_celebamask(str(pristine)).load().test.images([0], 64)
    with Image.open(pristine / IMAGES / "3.jpg") as image:
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255
    assert torch.equal(whole[0], pixels)


def drop(path: Path) -> None:
    """Take a file or folder away."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def rewrite(root: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change the lines of the mapping file."""
    lines = (root / MAPPING).read_text().splitlines()
    (root / MAPPING).write_text("\n".join(change(lines)) + "\n")


def rename(root: Path, old: str, new: str) -> None:
    """Give something in the download another name."""
    (root / old).rename(root / new)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (drop, "there is no folder .*CelebAMask-HQ; say where CelebAMask-HQ lies"),
    "no images": (lambda root: drop(root / IMAGES), f"there is no .*{IMAGES}; put the photographs of .* there"),
    "no masks": (lambda root: drop(root / MASKS), f"there is no .*{MASKS}; put the part masks of .* there"),
    "no mapping": (lambda root: drop(root / MAPPING), f"there is no .*{MAPPING}; put the table of .* there"),
    "the name in the script": (
        lambda root: rename(root, MASKS, "CelebAMaskHQ-mask-anno"),
        f"there is no .*{MASKS}, but there is CelebAMaskHQ-mask-anno; rename it to {MASKS}",
    ),
    "another case": (
        lambda root: rename(root, IMAGES, "celeba-hq-img"),
        f"there is no .*{IMAGES}, but there is celeba-hq-img; rename it to {IMAGES}",
    ),
    "something else": (
        lambda root: [drop(root / name) for name in (IMAGES, MASKS, MAPPING)],
        f"CelebAMask-HQ holds no {IMAGES}; give the folder into which CelebAMask-HQ was unpacked",
    ),
    "no folder of masks": (
        lambda root: drop(root / MASKS / "1"),
        f"there is no folder .*1 with the masks of images 2000 to 3999; unpack {MASKS} again",
    ),
    "a face without masks": (
        lambda root: [drop(path) for path in (root / MASKS / "0").glob("00005_*")],
        rf"1 images of .*CelebAMask-HQ have no mask of any part \(5\); unpack {MASKS} again",
    ),
    "two images lost": (
        lambda root: [drop(root / IMAGES / f"{number}.jpg") for number in (1, 4)],
        rf"lacks 2 of the 9 images that {MAPPING} lists \(1.jpg, 4.jpg\); unpack the photographs again",
    ),
    "an image in another case": (
        lambda root: rename(root, f"{IMAGES}/2.jpg", f"{IMAGES}/2.JPG"),
        r"lacks 1 of the 9 images .*\(2.jpg\); rename 2.JPG to 2.jpg",
    ),
    "no header": (
        lambda root: rewrite(root, lambda lines: lines[1:]),
        f"begins with '0 162770 162770.jpg' and not with its header; make '{HEADER}' its first line",
    ),
    "an empty mapping": (lambda root: (root / MAPPING).write_text(""), "begins with '' and not with its header"),
    "a mapping of bytes": (
        lambda root: (root / MAPPING).write_bytes(b"\xff\xfe\x00"),
        f"{MAPPING} cannot be read .*; download it again",
    ),
    "cut in a line": (
        lambda root: rewrite(root, lambda lines: [*lines[:-1], "2001    2025"]),
        f"{MAPPING} is damaged or cut short in line 10, '2001    2025'; download it again",
    ),
    "a line twice": (
        lambda root: rewrite(root, lambda lines: [*lines, lines[-1]]),
        f"{MAPPING} is damaged or cut short in line 11",
    ),
    "cut between lines": (
        lambda root: rewrite(root, lambda lines: lines[:-2]),
        rf"{MAPPING} does not list 2 of the images \(2000, 2001\); it is cut short: download it again",
    ),
    "an unknown part": (
        lambda root: rename(root, f"{MASKS}/0/00003_nose.png", f"{MASKS}/0/00003_noes.png"),
        "00003_noes.png is a mask of no part: .*; did you mean 'nose'",
    ),
    "a part in another case": (
        lambda root: rename(root, f"{MASKS}/0/00003_nose.png", f"{MASKS}/0/00003_nose.PNG"),
        "00003_nose.PNG is not named as a mask; call it 00012_nose.png for the image 12.jpg",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_missing_is_said(root: Path, fault: str) -> None:
    """One sentence names what is wrong with the download, when the dataset is loaded."""
    spoil, message = FAULTS[fault]
    spoil(root)
    dataset = open_celebamask(str(root))
    with pytest.raises(DatasetError, match=message) as caught:
        dataset.load()
    assert "\n" not in str(caught.value)


def test_a_folder_one_level_off_is_named(root: Path) -> None:
    """The folder around the download, and one inside it."""
    for wrong in (root.parent, root / IMAGES):
        with pytest.raises(DatasetError, match=f"{wrong.name} holds no {IMAGES}, but {root} does; give {root}"):
            open_celebamask(str(wrong)).load()


def test_an_empty_split_is_said(root: Path) -> None:
    """A few images of one split are no benchmark."""
    for number in (3, 2001):
        drop(root / IMAGES / f"{number}.jpg")
    write_mapping(root, {number: origin for number, origin in ORIGINS.items() if number not in (3, 2001)})
    with pytest.raises(DatasetError, match=f"no image that .*{MAPPING} lists falls into the test split; unpack all"):
        open_celebamask(str(root)).load()


def test_a_broken_mask_is_named(root: Path) -> None:
    """Garbage where a mask should be."""
    (root / MASKS / "0" / "00003_nose.png").write_text("no picture")
    test = open_celebamask(str(root)).load().test
    with pytest.raises(DatasetError, match=r"00003_nose.png cannot be read as a picture"):
        test.masks([0], 16)


def test_strays_do_no_harm(root: Path) -> None:
    """Hidden files, and those of Windows and macOS, are passed over."""
    for stray in (".DS_Store", "._00003_nose.png", "Thumbs.db"):
        (root / MASKS / "0" / stray).write_text("")
        (root / IMAGES / stray).write_text("")
    splits = open_celebamask(str(root)).load()
    assert len(splits.test) == 2
    assert splits.notes == ()


def test_what_is_left_out_is_counted(root: Path) -> None:
    """Photographs and masks of another ending are no part of the download, and said."""
    (root / IMAGES / "3.bmp").touch()
    (root / MASKS / "0" / "00003_nose.tif").touch()
    photographs, masks = open_celebamask(str(root)).load().notes
    assert photographs.startswith(f"{root / IMAGES}: ") and photographs.endswith("; 1 left out: .bmp 1")
    assert masks.startswith(f"{root / MASKS}: ") and masks.endswith("; 1 left out: .tif 1")


def test_a_look_finds_what_only_the_pixels_tell(root: Path) -> None:
    """A photograph that is cut short, and a mask of another shape than its photograph."""
    test = open_celebamask(str(root)).load().test
    assert isinstance(test, Inspectable)
    test.inspect(0)
    path = root / IMAGES / f"{int(test.name(0))}.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(DatasetError, match=rf"{path.name} cannot be read as a picture"):
        test.inspect(0)
    path.write_bytes(whole)
    write_mask(root, int(test.name(0)), "nose", np.zeros((8, 12), dtype=bool))
    with pytest.raises(DatasetError, match=r"_nose.png is 12x8 pixels and .*, which is another shape; unpack both"):
        test.inspect(0)


def keeps_shape(split: Split) -> KeepsShape:
    """A split whose masks have a size of their own."""
    assert isinstance(split, KeepsShape)
    return split


def test_a_mask_has_the_size_of_its_parts(pristine: Path) -> None:
    """Not that of the photograph, which is published twice as large; a square of that size is the same."""
    test = open_celebamask(str(pristine)).load().test
    own = keeps_shape(test).own_mask(0)
    assert own.shape == (32, 32) and own.dtype == torch.uint8
    assert torch.equal(own.long(), test.masks([0], 32)[0]) and len(own.unique()) == 10


def test_a_face_without_painted_parts_has_a_mask_of_background(root: Path) -> None:
    """Its size is that of another part, whose file then belongs to the image; without any file it is refused."""
    for part in ("nose", "mouth"):
        drop(root / MASKS / "0" / f"00003_{part}.png")
    test = open_celebamask(f"{root}#paper3").load().test
    assert torch.equal(keeps_shape(test).own_mask(0), torch.zeros(32, 32, dtype=torch.uint8))
    skin = root / MASKS / "0" / "00003_skin.png"
    assert isinstance(test, FileBacked) and test.files(0) == (root / IMAGES / "3.jpg", skin)
    drop(skin)
    with pytest.raises(DatasetError, match=r"3.jpg has no mask of any part any more; unpack the masks again"):
        test.masks([0], 8)


@pytest.mark.parametrize(("width", "height"), [(48, 32), (32, 48)])
def test_a_fit_reads_photograph_and_mask_alike(root: Path, width: int, height: int) -> None:
    """Faces that somebody cut otherwise: padding ignores what is beside them, a crop leaves out, no part spreads."""
    nose = np.zeros((height, width), bool)
    nose[:, : width // 2] = True
    for part in ("skin", "mouth"):
        drop(root / MASKS / "0" / f"00003_{part}.png")
    write_mask(root, 3, "nose", nose)
    Image.new("RGB", (width, height), "white").save(root / IMAGES / "3.jpg")
    dataset = open_celebamask(f"{root}#paper3")
    assert dataset.fit == "crop" and dataset.fitted("pad").name == dataset.name
    labels = {fit: dataset.fitted(fit).load().test for fit in FITS}
    own = keeps_shape(labels["crop"]).own_mask(0)
    assert own.shape == (height, width) and (own == 3).sum() == nose.sum()
    for fit, split in labels.items():
        (mask,) = split.masks([0], 48)
        ignored, noses = int((mask == IGNORE).sum()), int((mask == 3).sum())
        assert ignored == (48 * 16 if fit == "pad" else 0)
        assert noses == (48 * 48 - ignored) / 2
        assert torch.equal(keeps_shape(labels["crop"]).fitted(fit).masks([0], 48)[0], mask)
        assert (split.images([0], 48) == 1).all()


def test_masks_of_several_sizes_are_refused(root: Path) -> None:
    """One map of classes is made of them, at the size that they share."""
    write_mask(root, 3, "nose", np.zeros((16, 16), bool))
    test = open_celebamask(str(root)).load().test
    assert isinstance(test, Inspectable)
    for read in (test.inspect, lambda index: test.masks([index], 8)):
        with pytest.raises(
            DatasetError, match=r"_nose.png is 16x16 pixels and .*_skin.png is 32x32 .* of one size; unpack both again"
        ):
            read(0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "'celebamask-hq' names no images yet; say where it lies, as celebamask-hq:PATH"),
        ("here#paper5", "celebamask-hq has no option 'paper5': there are paper10, .*; did you mean 'paper"),
        ("here#paper3,all19", "gets 'paper3' and 'all19', and each decides about the grouping; take one of them out"),
        ("here#first,painter", "gets 'first' and 'painter', and each decides about overlaps; take one of them out"),
    ],
)
def test_options_that_do_not_fit_are_said(spec: str, message: str) -> None:
    """Unknown words, and two that decide about the same."""
    with pytest.raises(DatasetError, match=message):
        open_celebamask(spec)


def test_the_hook_waits_for_a_path(tmp_path: Path) -> None:
    """`celebamask-hq` alone says what is missing; options come in any order, and a # may be part of the path."""
    (dataset,) = partbench_datasets()
    assert dataset.name == "celebamask-hq" and dataset.configure is open_celebamask
    with pytest.raises(DatasetError, match="names no images yet"):
        dataset.load()
    assert open_celebamask("here# painter, paper3").summary == "CelebAMask-HQ, paper3, painter, labelled"
    (tmp_path / "a#paper3").mkdir()
    assert len(open_celebamask(str(tmp_path / "a#paper3")).classes) == 10
    assert OVERLAPS[0] == "first"


@pytest.mark.skipif(not REAL.exists(), reason="the pack of real images is not here")
def test_real_masks_come_back_as_they_were(tmp_path: Path) -> None:
    """Fourteen maps of all parts, taken apart into the published layout: they do not overlap, so nothing changes."""
    (tmp_path / IMAGES).mkdir()
    pairs = sorted((REAL / "masks").glob("*.png"))
    for number, path in enumerate(pairs):
        with Image.open(REAL / "images" / path.name) as image, Image.open(path) as fused:
            image.convert("RGB").save(tmp_path / IMAGES / f"{number}.jpg")
            labels = np.array(fused)
        for index in np.unique(labels[labels > 0]):
            write_mask(tmp_path, number, PARTS[index - 1], labels == index)
    write_mapping(tmp_path, {number: 20_000 * number for number in range(len(pairs))})
    merged = json.loads((REAL / "classes.json").read_text())["map_to_paper10"]
    table = np.zeros(len(PARTS) + 1, int)
    for name, members in merged.items():
        table[members] = open_celebamask("nowhere").classes.index(name)
    for overlaps in OVERLAPS:
        ten = open_celebamask(f"{tmp_path}#{overlaps}").load().pool
        every = open_celebamask(f"{tmp_path}#all19,{overlaps}").load().pool
        for index in range(len(ten)):
            with Image.open(pairs[int(ten.name(index))]) as fused:
                labels = np.array(fused)
            assert np.array_equal(every.masks([index], len(labels))[0].numpy(), labels)
            assert np.array_equal(ten.masks([index], len(labels))[0].numpy(), table[labels])
