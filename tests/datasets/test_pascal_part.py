"""PASCAL-Part: its layout, which objects are cut out and how, the classes of Tables 4 and 5, and every fault."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import loadmat, savemat

from partbench.benchmark.cli.main import main
from partbench.datasets.checks import CHECKS
from partbench.datasets.dataset import IGNORE, DatasetError, Inspectable, KeepsShape, Splits
from partbench.datasets.files.matlab import read_matlab
from partbench.datasets.pascal_part import open_pascal_part, partbench_datasets
from partbench.datasets.pascal_part.annotations import read_boxes, read_objects
from partbench.datasets.pascal_part.crops import find_crops, iou
from partbench.datasets.pascal_part.files import split_by_name
from partbench.datasets.pascal_part.parts import CAR, HORSE, KINDS, MIRRORS, order

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "pascalpart_samples"
SHAPE = (100, 140)
Box = tuple[int, int, int, int]
Thing = tuple[str, Box, Mapping[str, Box]]
"""A kind, the box of its mask, and those of its parts: left, top, right, bottom."""


def car(left: int, top: int, side: int = 80) -> Thing:
    """A car with all its classes, on a grid of eighths; the light reaches over the window, the plate lies in it all."""

    def eighths(*sides: int) -> Box:
        low, high, right, bottom = (side * at // 8 for at in sides)
        return left + low, top + high, left + right, top + bottom

    parts = {
        "fliplate": eighths(3, 4, 5, 5),
        "frontside": eighths(0, 1, 6, 7),
        "rightside": eighths(5, 1, 8, 7),
        "door_1": eighths(6, 2, 8, 6),
        "leftmirror": eighths(0, 0, 1, 2),
        "wheel_1": eighths(1, 6, 3, 8),
        "wheel_10": eighths(5, 6, 7, 8),
        "headlight_1": eighths(1, 3, 2, 5),
        "window_1": eighths(1, 2, 6, 4),
    }
    return "car", eighths(0, 0, 8, 8), parts


def horse(left: int, top: int) -> Thing:
    """A horse, 48 pixels wide and 80 high."""
    boxes = {
        "head": (0, 0, 24, 24),
        "reye": (8, 8, 12, 12),
        "muzzle": (0, 16, 12, 28),
        "neck": (12, 20, 24, 40),
        "torso": (12, 36, 44, 56),
        "tail": (40, 36, 48, 64),
        "lfuleg": (12, 52, 20, 66),
        "lflleg": (12, 64, 20, 76),
        "lfho": (12, 74, 20, 80),
        "rbuleg": (34, 52, 42, 80),
    }
    moved = {name: (left + a, top + b, left + c, top + d) for name, (a, b, c, d) in boxes.items()}
    return "horse", (left, top, left + 48, top + 80), moved


def filled(box: Box, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """A mask as published: 1 in the box, 0 around it."""
    mask = np.zeros(shape, np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = 1
    return mask


def write_mat(path: Path, things: Sequence[Thing], shape: tuple[int, int] = SHAPE) -> None:
    """An annotation as published: structs in structs, and `parts` of shape (0, 0) where there is none."""
    objects = np.empty((1, len(things)), [(name, "O") for name in ("class", "class_ind", "mask", "parts")])
    for index, (kind, box, boxes) in enumerate(things):
        parts = np.empty((1, len(boxes)) if boxes else (0, 0), [("part_name", "O"), ("mask", "O")])
        for place, (name, part) in enumerate(boxes.items()):
            parts[0, place] = (name, filled(part, shape))
        objects[0, index] = (kind, 7, filled(box, shape), parts)
    anno = np.empty((1, 1), [("imname", "O"), ("objects", "O")])
    anno[0, 0] = (path.stem, objects)
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"anno": anno}, do_compression=True)


def write_xml(root: Path, name: str, boxes: Sequence[tuple[str, Box]]) -> None:
    """Boxes as PASCAL VOC has them: from 1 on, and up to the last pixel."""
    rows = (
        f"<object><name>{kind}</name><bndbox><xmin>{a + 1}</xmin><ymin>{b + 1}</ymin><xmax>{c}</xmax>"
        f"<ymax>{d}.0</ymax></bndbox><part><name>car</name></part></object>"
        for kind, (a, b, c, d) in boxes
    )
    (root / "Annotations").mkdir(exist_ok=True)
    (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{''.join(rows)}</annotation>")


def write_photo(root: Path, name: str, things: Sequence[Thing]) -> None:
    """A photograph of coarse noise, brighter than 40 everywhere, and its annotation."""
    (root / "JPEGImages").mkdir(parents=True, exist_ok=True)
    dice = np.random.default_rng(list(name.encode()))
    pixels = dice.integers(60, 256, (5, 7, 3), np.uint8).repeat(20, 0).repeat(20, 1)
    Image.fromarray(pixels).save(root / "JPEGImages" / f"{name}.jpg", quality=95)
    write_mat(root / "Annotations_Part" / f"{name}.mat", things)


PHOTOS: dict[str, list[Thing]] = {
    "2008_000211": [("person", (0, 0, 9, 90), {"head": (0, 0, 9, 9)}), car(50, 10)],
    "2008_000212": [car(20, 10), horse(90, 10)],
    "2008_000213": [horse(10, 10)],
    "2008_000214": [car(10, 12), horse(92, 12)],
    "2008_000215": [car(30, 8)],
    "2008_000216": [("boat", (0, 0, 99, 90), {})],
    "2008_000217": [horse(50, 15)],
    "2008_000218": [car(1, 1), horse(85, 5)],
}


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight photographs."""
    root = tmp_path_factory.mktemp("pristine") / "VOC2010"
    for name, things in PHOTOS.items():
        write_photo(root, name, things)
    return root


@pytest.fixture
def root(pristine: Path, tmp_path: Path) -> Path:
    """A copy of them that a test may spoil."""
    shutil.copytree(pristine, tmp_path / "VOC2010")
    return tmp_path / "VOC2010"


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """An empty download, for the objects of one photograph."""
    (tmp_path / "alone").mkdir()
    return tmp_path / "alone"


def names(splits: Splits) -> dict[str, list[str]]:
    """The names of the crops in each split."""
    parts = {"pool": splits.pool, "test": splits.test}
    return {name: [part.name(index) for index in range(len(part))] for name, part in parts.items()}


def crops_of(root: Path, things: Sequence[Thing], kind: str = "car", limit: float = 0.05) -> dict[str, Box]:
    """The boxes of what is cut out of one photograph of these."""
    write_photo(root, "2009_000001", things)
    return {crop.name: crop.box for crop in find_crops(root, kind, KINDS[kind].smallest, limit)[0]}


def test_a_mat_file_is_read_as_published(alone: Path) -> None:
    """Objects keep their order, a struct of shape (0, 0) has no parts, and every mask has the photograph's size."""
    write_photo(alone, "2009_000001", PHOTOS["2008_000211"] + [("boat", (0, 0, 9, 9), {})])
    path = alone / "Annotations_Part" / "2009_000001.mat"
    raw = loadmat(path)["anno"][0, 0]
    assert raw.dtype.names == ("imname", "objects") and raw["objects"].shape == (1, 3)
    assert raw["objects"][0, 2]["parts"].shape == (0, 0) and raw["objects"][0, 1]["parts"].shape == (1, 9)
    person, vehicle, boat = read_objects(path)
    assert (person.kind, vehicle.kind, boat.kind) == ("person", "car", "boat")
    assert list(person.parts) == ["head"] and boat.parts == {}
    assert np.array_equal(vehicle.parts["wheel_10"], filled(car(50, 10)[2]["wheel_10"]) == 1)
    assert vehicle.mask.shape == SHAPE and vehicle.mask.sum() == 6400


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("options", ["", "#photo,without-bg"])
def test_it_passes_every_check(pristine: Path, check: Callable[..., None], name: str, options: str) -> None:
    """A small download keeps the promises of any dataset."""
    check(open_pascal_part(KINDS[name], f"{pristine}{options}"))


def test_it_passes_them_on_the_command_line(
    pristine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`partbench check pascal-part-car:PATH` finds the family and nothing to complain of."""
    monkeypatch.setattr(sys, "argv", ["partbench", "check", f"pascal-part-car:{pristine}", "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    outcomes = json.loads(capsys.readouterr().out)["outcomes"].values()
    assert outcomes and all(one["word"] == "passes" for one in outcomes)


def test_the_split_by_name_is_stable(pristine: Path) -> None:
    """Each photograph's own name decides; about half go each way, and adding others moves none."""
    drawn = [split_by_name(f"2008_{number:06d}") for number in range(1000)]
    assert drawn[211:219] == ["pool", "test", "test", "pool", "test", "test", "pool", "test"]
    assert 450 < drawn.count("test") < 550
    assert names(open_pascal_part(CAR, str(pristine)).load()) == {
        "pool": ["2008_000211-2", "2008_000214-1"],
        "test": ["2008_000212-1", "2008_000215-1", "2008_000218-1"],
    }
    assert names(open_pascal_part(HORSE, str(pristine)).load()) == {
        "pool": ["2008_000214-2", "2008_000217-1"],
        "test": ["2008_000212-2", "2008_000213-1", "2008_000218-2"],
    }


def write_lists(root: Path, lists: Mapping[str, Sequence[int]]) -> None:
    """Lists of names in `ImageSets/Main`; photographs are numbered from 2008_000211 on."""
    (root / "ImageSets" / "Main").mkdir(parents=True)
    for name, numbers in lists.items():
        lines = (f"2008_{210 + number:06d}\n" for number in numbers)
        (root / "ImageSets" / "Main" / f"{name}.txt").write_text("".join(lines))


def test_the_lists_of_voc_decide_where_they_are(root: Path) -> None:
    """`train` and `val` for VOC 2010; `trainval` and `test` where the test list names photographs with parts."""
    write_lists(root, {"train": [5, 1, 3], "val": [2, 6], "trainval": [1, 2, 3, 5, 6], "test": [999]})
    dataset = open_pascal_part(CAR, str(root))
    assert names(dataset.load()) == {"pool": ["2008_000211-2", "2008_000215-1"], "test": ["2008_000212-1"]}
    (root / "ImageSets" / "Main" / "test.txt").write_text("2008_000214 -1\n2008_000218  1\n")
    assert names(dataset.load()) == {
        "pool": ["2008_000211-2", "2008_000212-1", "2008_000215-1"],
        "test": ["2008_000214-1", "2008_000218-1"],
    }


def test_a_box_is_the_extent_of_the_mask_or_that_of_voc(alone: Path) -> None:
    """VOC counts pixels from 1; its box is taken for the object whose extent it shares half of."""
    things = [car(5, 5, 60), horse(80, 5)]
    assert crops_of(alone, things) == {"2009_000001-1": (5, 5, 65, 65)}
    write_xml(alone, "2009_000001", [("horse", (80, 5, 128, 85)), ("car", (3, 4, 70, 68))])
    assert read_boxes(alone / "Annotations" / "2009_000001.xml", "car") == [(3, 4, 70, 68)]
    assert crops_of(alone, things) == {"2009_000001-1": (3, 4, 70, 68)}
    assert crops_of(alone, things, "horse") == {"2009_000001-2": (80, 5, 128, 85)}
    write_xml(alone, "2009_000001", [("car", (80, 50, 139, 99))])
    assert crops_of(alone, things) == {"2009_000001-1": (5, 5, 65, 65)}


def test_a_photograph_without_the_kind_is_not_looked_into(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where VOC says that there is no car, the larger file stays closed; loading again reads none of them."""
    from partbench.datasets.pascal_part import annotations

    opened: list[str] = []

    def spy(path: Path, variable: str) -> Any:
        opened.append(path.stem)
        return read_matlab(path, variable)

    monkeypatch.setattr(annotations, "read_matlab", spy)
    write_xml(root, "2008_000216", [("boat", (0, 0, 99, 90))])
    open_pascal_part(CAR, "nowhere")
    for _ in range(2):
        open_pascal_part(CAR, str(root)).load()
    assert sorted(opened) == [name for name in PHOTOS if name != "2008_000216"]


@given(st.tuples(*[st.integers(0, 20)] * 4), st.tuples(*[st.integers(0, 20)] * 4))
def test_boxes_overlap_as_their_pixels_do(one: Box, other: Box) -> None:
    """The IoU of two boxes is that of their masks; of a box with itself, 1."""
    boxes = [(a, b, a + c + 1, b + d + 1) for a, b, c, d in (one, other)]
    masks = [filled(box, (42, 42)).astype(bool) for box in boxes]
    assert iou(*boxes) == pytest.approx((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())
    assert iou(boxes[0], boxes[0]) == 1


def test_what_overlaps_is_discarded_by_either_reading(alone: Path) -> None:
    """Two cars that share more than a twentieth of their union; to the letter, no IoU is more than 5."""
    apart, near = [car(0, 0, 60), car(60, 0, 60)], [car(0, 0, 60), car(54, 0, 60)]
    assert iou((0, 0, 60, 60), (54, 0, 114, 60)) == pytest.approx(6 / 114)  # above 0.05
    assert len(crops_of(alone, apart)) == 2
    with pytest.raises(
        DatasetError, match=r"none of the 1 annotations in .* has a car with parts that is large enough"
    ):
        crops_of(alone, near)
    assert len(crops_of(alone, near, limit=5.0)) == 2
    assert len(crops_of(alone, [car(0, 0, 60), car(55, 0, 60)])) == 2  # 5 / 115 is below
    # Another class may overlap; a car without parts is no crop, and yet in the way.
    assert len(crops_of(alone, [car(0, 0, 60), horse(10, 0)])) == 1
    with pytest.raises(DatasetError, match="stands alone"):
        crops_of(alone, [car(0, 0, 60), ("car", (54, 0, 114, 60), {})])
    # So is one that only VOC knows.
    write_xml(alone, "2009_000001", [("car", (0, 0, 60, 60)), ("car", (20, 0, 90, 60))])
    with pytest.raises(DatasetError, match="stands alone"):
        crops_of(alone, [car(0, 0, 60)])


def test_what_is_left_out_is_counted(alone: Path) -> None:
    """Objects that are no crops, each by its reason, and annotations of another ending."""
    near, small = [car(0, 0, 60), car(55, 0, 60)], ("car", (0, 70, 40, 110), {"frontside": (0, 70, 9, 79)})
    write_photo(alone, "2009_000001", [*near, small, ("car", (70, 70, 130, 130), {}), horse(60, 60)])
    (alone / "Annotations_Part" / "2009_000001.xml").touch()
    _, (files, objects) = find_crops(alone, "car", 50, 0.05)
    assert files.endswith("1 read; other files: .xml 1")
    assert ": 4 objects are a car, 2 are cropped; 2 left out: " in objects
    assert "a side below 50 pixels 1" in objects and "without parts 1" in objects


def test_a_look_finds_a_photograph_that_is_cut_short(root: Path) -> None:
    """Before a run begins."""
    test = open_pascal_part(CAR, str(root)).load().test
    assert isinstance(test, Inspectable)
    test.inspect(0)
    path = root / "JPEGImages" / f"{test.name(0).rpartition('-')[0]}.jpg"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DatasetError, match=rf"{path.name} cannot be read as a picture"):
        test.inspect(0)


def test_the_options_reach_the_crops(root: Path) -> None:
    """`literal-5` keeps what `5%` discards."""
    write_photo(root, "2008_000215", [car(0, 0, 60), car(50, 0, 60)])
    assert "2008_000215-1" not in names(open_pascal_part(CAR, str(root)).load())["test"]
    kept = names(open_pascal_part(CAR, f"{root}#literal-5").load())["test"]
    assert {"2008_000215-1", "2008_000215-2"} <= set(kept)


@pytest.mark.parametrize(("kind", "smallest"), [("car", 50), ("horse", 32)])
def test_small_boxes_are_discarded(alone: Path, kind: str, smallest: int) -> None:
    """A side below the limit is enough."""
    part = {"car": "frontside", "horse": "torso"}[kind]
    boxes = [(0, 0, smallest, 90), (smallest, 0, 2 * smallest - 1, 90)]
    things = [(kind, box, {part: (box[0], 0, box[0] + 9, 9)}) for box in boxes]
    assert crops_of(alone, things, kind) == {"2009_000001-1": boxes[0]}


def by_hand(mirror: int) -> np.ndarray:
    """The classes of the car on its grid of eighths."""
    grid = np.zeros((8, 8), int)
    grid[1:7, :] = 1
    grid[2:4, 1:6] = 5
    grid[6:8, 1:3] = grid[6:8, 5:7] = 4
    grid[3:5, 1] = 3
    grid[4, 3:5] = 2
    grid[0:2, 0] = mirror
    return grid


@pytest.mark.parametrize(("option", "mirror"), [("body", 1), ("background", 0), ("ignored", IGNORE)])
def test_a_car_has_the_classes_of_table_4(pristine: Path, option: str, mirror: int) -> None:
    """The fine lies on the coarse whatever the order in the file, and mirrors go where the option says."""
    dataset = open_pascal_part(CAR, f"{pristine}#mirrors-{option}")
    assert dataset.classes == ("background", "body", "plate", "light", "wheel", "window")
    pool = dataset.load().pool
    for size in (8, 80):
        expected = by_hand(mirror).repeat(size // 8, 0).repeat(size // 8, 1)
        assert np.array_equal(pool.masks([0], size)[0].numpy(), expected)


def test_a_horse_has_the_classes_of_table_5(pristine: Path) -> None:
    """Head, neck and torso together, legs with hoofs, tail; its square is wider than its box."""
    dataset = open_pascal_part(HORSE, str(pristine))
    assert dataset.classes == ("background", "head", "neck+torso", "legs", "tail")
    (mask,) = dataset.load().pool.masks([1], 80)
    assert (mask[:, :16] == IGNORE).all() and (mask[:, 64:] == IGNORE).all()
    inside = mask[:, 16:64]
    assert (inside != IGNORE).all()
    points = {(10, 10): 1, (26, 2): 1, (30, 15): 2, (45, 30): 2, (60, 44): 4, (70, 15): 3, (79, 40): 3, (78, 2): 0}
    assert {at: int(inside[at]) for at in points} == points


def test_outside_of_the_object_it_is_black(root: Path) -> None:
    """Inside, the photograph stays; with `photo` it stays in the whole box; beside the box all is black."""
    round_car = ("car", (0, 0, 100, 60), {"frontside": (20, 0, 100, 60)})
    write_photo(root, "2008_000211", [round_car])
    path = root / "Annotations_Part" / "2008_000211.mat"
    content = loadmat(path)
    content["anno"][0, 0]["objects"][0, 0]["mask"][:, 1:10] = 0  # a hole: the extent stays
    savemat(path, {"anno": content["anno"]})
    with Image.open(root / "JPEGImages" / "2008_000211.jpg") as image:
        pixels = torch.from_numpy(np.array(image)[:60, :100]).permute(2, 0, 1) / 255
    black = open_pascal_part(CAR, str(root)).load().pool.images([0], 100)[0]
    photo = open_pascal_part(CAR, f"{root}#photo").load().pool.images([0], 100)[0]
    for image in (black, photo):
        assert (image[:, :20] == 0).all() and (image[:, 80:] == 0).all()
        assert torch.equal(image[:, 20:80, 10:], pixels[:, :, 10:])
    assert torch.equal(photo[:, 20:80], pixels) and (photo[:, 20:80] > 0.1).all()
    assert (black[:, 20:80, 1:10] == 0).all()


@pytest.mark.parametrize(("width", "height"), [(81, 60), (60, 81), (70, 70)])
def test_a_box_is_padded_where_its_mask_is_ignored(alone: Path, width: int, height: int) -> None:
    """Nothing is lost or stretched, and beside the box all is black, to half a pixel of an odd margin."""
    pool = car_pool(alone, (5, 5, 5 + width, 5 + height))
    side = max(width, height)
    (image,), (mask,) = pool.images([0], 4 * side), pool.masks([0], 4 * side)
    ignored = mask == IGNORE
    assert ignored.sum() == 16 * (side * side - width * height)
    assert torch.equal(mask, mask.flip(0)) and torch.equal(mask, mask.flip(1))
    assert (image[:, ignored] == 0).all() and (image[:, ~ignored].amin() > 0)


def car_pool(root: Path, box: Box) -> Any:
    """The pool of a download whose cars are all body and fill this box."""
    for name in ("2008_000211", "2008_000212"):
        write_photo(root, name, [("car", box, {"frontside": box})])
    return open_pascal_part(CAR, f"{root}#photo").load().pool


def test_a_mask_has_the_size_of_the_box(alone: Path) -> None:
    """Not that of the photograph; what the other fits leave out of it or stretch is counted from it."""
    pool = car_pool(alone, (3, 4, 83, 64))
    assert isinstance(pool, KeepsShape)
    own = pool.own_mask(0)
    assert own.dtype == torch.uint8 and torch.equal(own, torch.ones(60, 80, dtype=torch.uint8))
    write_photo(alone, "2008_000211", [("car", (3, 4, 83, 64), {"leftmirror": (3, 4, 13, 64)})])
    dataset = open_pascal_part(CAR, f"{alone}#photo,mirrors-ignored")
    assert dataset.fit == "pad" and dataset.fitted("stretch").fit == "stretch"
    counts = {"pad": 80 * 20 + 60 * 10, "crop": 0, "stretch": 800}
    for fit, ignored in counts.items():
        split = dataset.fitted(fit).load().pool
        assert isinstance(split, KeepsShape)
        assert (split.own_mask(0) == IGNORE).sum() == 60 * 10
        for one in (split, pool.fitted(fit)):
            assert (one.images([0], 80) > 0.1).all() == (fit != "pad")
        assert (split.masks([0], 80) == IGNORE).sum() == ignored


def test_every_published_part_has_one_class() -> None:
    """The names of PASCAL-Part, numbered ones up to their last, each match one pattern."""
    sides = [f"{side}side" for side in ("front", "left", "right", "back", "roof")]
    numbered = {"door": 10, "wheel": 10, "headlight": 10, "window": 20}
    cars = [*sides, "leftmirror", "rightmirror", "fliplate", "bliplate"]
    cars += [f"{name}_{number}" for name, last in numbered.items() for number in range(1, last + 1)]
    horses = ["head", "leye", "reye", "lear", "rear", "muzzle", "torso", "neck", "tail"]
    horses += ["lfho", "rfho", "lbho", "rbho"]
    horses += [f"{side}{end}{half}leg" for side in "lr" for end in "fb" for half in "ul"]
    for kind, parts in ((CAR, cars), (HORSE, horses)):
        for mirrors in MIRRORS:
            found = order(kind.strokes(mirrors), parts, "here")
            assert sorted(name for name, _ in found) == sorted(parts)
            assert {index for _, index in found} >= set(range(1, len(kind.classes)))
    with pytest.raises(DatasetError, match=r"here has parts that belong to no class \(beak, fin\); unpack it again"):
        order(HORSE.strokes(), ["head", "fin", "beak"], "here")


def test_the_background_can_be_left_out_of_the_average(pristine: Path) -> None:
    """`without-bg` is the last row of Table 4; the others average over it."""
    assert open_pascal_part(CAR, str(pristine)).excluded == frozenset()
    assert open_pascal_part(CAR, f"{pristine}#without-bg").excluded == {"background"}


def drop(path: Path) -> None:
    """Take a file or folder away."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def cut_short(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


FIRST = "Annotations_Part/2008_000211.mat"
FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (drop, "there is no folder .*VOC2010; say where PASCAL-Part lies"),
    "no annotations": (
        lambda root: drop(root / "Annotations_Part"),
        "there is no .*Annotations_Part; put the .mat files of PASCAL-Part there",
    ),
    "no photographs": (
        lambda root: drop(root / "JPEGImages"),
        "there is no .*JPEGImages; put the photographs of PASCAL VOC 2010 there",
    ),
    "another case": (
        lambda root: (root / "Annotations_Part").rename(root / "annotations_part"),
        "there is no .*Annotations_Part, but there is annotations_part; rename it to Annotations_Part",
    ),
    "no files": (
        lambda root: [drop(path) for path in (root / "Annotations_Part").iterdir()],
        "Annotations_Part holds no .mat file; put those of PASCAL-Part there",
    ),
    "a photograph lost": (
        lambda root: drop(root / "JPEGImages" / "2008_000211.jpg"),
        "2008_000211.mat has no photograph; put .*2008_000211.jpg there, from PASCAL VOC 2010",
    ),
    "a truncated mat": (
        lambda root: cut_short(root / FIRST),
        r"2008_000211.mat cannot be read as an annotation of PASCAL-Part \(.+\); unpack it again",
    ),
    "another mat": (
        lambda root: savemat(root / FIRST, {"groundTruth": 1}),
        r"2008_000211.mat cannot be read as an annotation of PASCAL-Part \(KeyError: 'anno'\); unpack it again",
    ),
    "masks of two sizes": (
        lambda root: two_sizes(root / FIRST),
        "2008_000211.mat has masks of several sizes; unpack it again",
    ),
    "a broken box": (
        lambda root: [write_xml(root, "2008_000211", []), cut_short(root / "Annotations" / "2008_000211.xml")],
        "2008_000211.xml cannot be read as an annotation of PASCAL VOC .*; unpack it again",
    ),
    "a box without a side": (
        lambda root: [
            write_xml(root, "2008_000211", []),
            (root / "Annotations" / "2008_000211.xml").write_text("<a><object><name>car</name></object></a>"),
        ],
        "2008_000211.xml cannot be read as an annotation of PASCAL VOC .*; unpack it again",
    ),
    "lists without crops": (
        lambda root: write_lists(root, {"train": [1], "val": [6]}),
        "Main has no pair of lists with crops on both sides .trainval.txt and test.txt, or train.txt and val.txt.; put",
    ),
    "a name in both lists": (
        lambda root: write_lists(root, {"train": [1, 5], "val": [2, 5]}),
        "train.txt and .*val.txt both name 2008_000215; take it out of one of them",
    ),
    "a list of bytes": (
        lambda root: [
            write_lists(root, {}),
            (root / "ImageSets" / "Main" / "test.txt").write_bytes(b"\xff\xfe"),
        ],
        "test.txt cannot be read as a list of names .*; unpack it again",
    ),
    "one split empty": (
        lambda root: [drop(root / "Annotations_Part" / f"2008_00021{number}.mat") for number in (2, 5, 8)],
        "of the 2 crops of .*VOC2010, none falls into the test split by the hash of its name; add photographs",
    ),
    "no car": (
        lambda root: [drop(root / "Annotations_Part" / f"2008_00021{number}.mat") for number in (1, 2, 4, 5, 8)],
        "none of the 3 annotations in .* has a car with parts that is large enough and stands alone; put all",
    ),
}


def two_sizes(path: Path) -> None:
    """A part whose mask is not of the photograph's size."""
    content = loadmat(path)
    content["anno"][0, 0]["objects"][0, 1]["parts"][0, 0]["mask"] = np.ones((3, 3), np.uint8)
    savemat(path, {"anno": content["anno"]})


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_missing_is_said(root: Path, fault: str) -> None:
    """One sentence names what is wrong with the download, when the dataset is loaded."""
    spoil, message = FAULTS[fault]
    spoil(root)
    dataset = open_pascal_part(CAR, str(root))
    with pytest.raises(DatasetError, match=message) as caught:
        dataset.load()
    assert "\n" not in str(caught.value)


def test_a_folder_one_level_off_is_named(root: Path) -> None:
    """The folder around the download, and one inside it."""
    for wrong in (root.parent, root / "JPEGImages"):
        with pytest.raises(DatasetError, match=f"{wrong.name} holds no Annotations_Part, but {root} does; give {root}"):
            open_pascal_part(CAR, str(wrong)).load()


def test_what_does_not_fit_is_said_when_it_is_read(root: Path) -> None:
    """A photograph of another size, and a part that PASCAL-Part does not have."""
    pool = open_pascal_part(CAR, str(root)).load().pool
    Image.new("RGB", (70, 50)).save(root / "JPEGImages" / "2008_000211.jpg")
    with pytest.raises(DatasetError, match=r"2008_000211.jpg is 70x50 pixels and .*2008_000211.mat has 140x100; bring"):
        pool.images([0], 16)
    write_mat(root / FIRST, [PHOTOS["2008_000211"][0], ("car", (50, 10, 130, 90), {"propeller": (60, 20, 70, 30)})])
    with pytest.raises(DatasetError, match=r"2008_000211.mat has parts that belong to no class \(propeller\)"):
        pool.masks([0], 16)


def test_a_changed_file_is_read_again(root: Path) -> None:
    """What is kept in memory of an annotation goes with its size and time."""
    assert "2008_000211-2" in names(open_pascal_part(CAR, str(root)).load())["pool"]
    write_mat(root / FIRST, [car(0, 0, 64)])
    assert "2008_000211-1" in names(open_pascal_part(CAR, str(root)).load())["pool"]


def test_the_hook_waits_for_a_path() -> None:
    """Each family alone says what is missing; mirrors are an option of cars only; listing imports nothing large."""
    families = {dataset.name: dataset for dataset in partbench_datasets()}
    assert list(families) == ["pascal-part-car", "pascal-part-horse"]
    for name, dataset in families.items():
        assert dataset.configure is not None
        for load in (dataset.load, lambda configure=dataset.configure: configure("")):
            with pytest.raises(DatasetError, match=f"'{name}' names no images yet; say where .* as {name}:PATH"):
                load()
    car, horse = (dataset.configure for dataset in families.values())
    assert car is not None and horse is not None
    assert car("here").summary == "car crops of PASCAL-Part, 5%, black, with-bg, mirrors-body"
    assert horse("here#photo").summary == "horse crops of PASCAL-Part, 5%, photo, with-bg"
    with pytest.raises(DatasetError, match="pascal-part-horse has no option 'mirrors-body': there are 5%, literal-5"):
        horse("here#mirrors-body")
    with pytest.raises(DatasetError, match="gets 'photo' and 'black', and each decides about the surroundings"):
        car("here#photo,black")
    code = "import sys, partbench.datasets.pascal_part as p; list(p.partbench_datasets());"
    code += "sys.exit(bool({'torch', 'numpy', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not REAL.exists(), reason="the pack of real images is not here")
def test_the_real_files_are_read(tmp_path: Path) -> None:
    """Of eighteen photographs, one car is large and stands alone; two more overlap; there is one horse."""
    (tmp_path / "Annotations_Part").symlink_to(REAL / "annotations_mat")
    (tmp_path / "JPEGImages").symlink_to(REAL / "images")
    for kind, limit, expected in (
        ("car", 0.05, ["2008_000939-2"]),
        ("car", 5.0, ["2008_000939-2", "2010_003057-2", "2010_003057-3"]),
        ("horse", 0.05, ["2010_005243-11"]),
    ):
        found, _ = find_crops(tmp_path, kind, KINDS[kind].smallest, limit)
        assert [crop.name for crop in found] == expected
    write_lists(tmp_path, {})
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_text("2008_000939\n")
    (tmp_path / "ImageSets" / "Main" / "val.txt").write_text("2010_003057\n")
    splits = open_pascal_part(CAR, f"{tmp_path}#literal-5").load()
    assert set(splits.pool.masks([0], 256).unique().tolist()) == {0, 1, 2, 4, 5, IGNORE}
    assert splits.test.images([0, 1], 64).shape == (2, 3, 64, 64)
