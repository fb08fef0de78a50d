"""Matcher's one-shot episodes: drawn as published, cropped by boxes, binary; and what is said of other files."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from partbench.datasets.checks import CHECKS
from partbench.datasets.dataset import Dataset, DatasetError, Inspectable, KeepsShape
from partbench.datasets.matcher import BENCHMARKS, open_matcher, paco, partbench_datasets, pascal

PASCAL, PACO = BENCHMARKS
SIDE = 40
VAL = [f"2008_{number:06d}" for number in range(8)]


def runs(mask: np.ndarray) -> dict[str, Any]:
    """Run lengths in COCO's compressed string: five bits a character, the difference to the last but one."""
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    counts = [0, *counts] if flat[0] else counts
    text = ""
    for place, count in enumerate(counts):
        value = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits, value = value & 31, value >> 5
            more = not ((value == 0 and not bits & 16) or (value == -1 and bits & 16))
            text += chr((bits | 32 * more) + 48)
    return {"size": list(mask.shape), "counts": text}


def block(top: int, left: int, high: int = 6, wide: int = 8) -> np.ndarray:
    """A mask with one rectangle."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top : top + high, left : left + wide] = True
    return mask


def thing(name: str, box: tuple[int, int, int, int], parts: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    """An object as Matcher's JSON has it."""
    sides = dict(zip(("xmin", "ymin", "xmax", "ymax"), map(str, box), strict=True))
    listed = [{"name": part, "mask": [runs(mask) for mask in masks]} for part, masks in parts.items()]
    return {"name": name, "bndbox": sides, "parts": listed}


def photograph(path: Path, seed: int) -> None:
    """Noise in blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shades = np.random.default_rng(seed).integers(0, 256, (SIDE // 4, SIDE // 4, 3), np.uint8)
    Image.fromarray(shades.repeat(4, 0).repeat(4, 1)).save(path, quality=95)


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Eight validation images of birds, every other with a second bird that has no tail."""
    root = tmp_path / "VOC2010"
    (root / pascal.ANNOTATIONS).mkdir(parents=True)
    for number, image in enumerate(VAL):
        photograph(root / pascal.IMAGES / f"{image}.jpg", number)
        masks = {"TAIL": [block(10, 6 + number)], "FACE": [block(20, 12), block(20, 24, 4, 4)]}
        birds = [thing("bird", (4, 8, 34, 36), masks)]
        birds += [thing("bird", (2, 2, 20, 20), {"FACE": [block(4, 4)]})] if number % 2 else []
        (root / pascal.ANNOTATIONS / f"{image}.json").write_text(
            json.dumps({"object": [*birds, thing("cat", (0, 0, 9, 9), {})]})
        )
    parts = {"FACE": VAL, "TAIL": VAL[:6]}
    listed = {part: {"train": ["2008_000099"], "val": val} for part, val in parts.items()}
    lists = {
        "animals": {"object": {"bird": {"part": {**listed, "EYE": {"train": [], "val": VAL[:3]}}}}},
        "vehicles": {"object": {"aeroplane": {"part": {"TAIL": listed["TAIL"], "BODY": listed["FACE"]}}}},
    }
    (root / pascal.LIST).write_text(json.dumps(lists))
    return root


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Photographs with three of 448 parts, of which the first two are in the fold 0."""
    root = tmp_path / "PACO-Part"
    photos: dict[int, list[dict[int, str]]] = defaultdict(list)
    drawn: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for image in range(6):
        photograph(root / "coco" / "val2017" / f"{image:012d}.jpg", 50 + image)
        for part, shape in (
            (100, [[8.0, 8, 20, 8, 20, 20, 8, 20]]),
            (104, runs(block(12, 12))),
            (101, runs(block(1, 1))),
        ):
            for owner in (7, 8):
                box = [6.5 + owner % 2, 6.0, 24.7, 20.2]
                one = {"category_id": part, "obj_ann_id": owner, "obj_bbox": box, "segmentation": shape}
                drawn[image].append(one)
            photos[part] += [{image: f"/home/them/coco/val2017/{image:012d}.jpg"}] * 2
    photos[108] = photos[100][:2]
    drawn[0].append({**drawn[0][0], "category_id": 108})
    tables = root / "paco"
    tables.mkdir(parents=True)
    (tables / paco.VALIDATION).write_bytes(pickle.dumps({"cid2img": photos, "img2anno": drawn}))
    (tables / paco.TRAIN).write_bytes(pickle.dumps({"cid2img": {100 + n: [] for n in range(448)}, "img2anno": {}}))
    return root


def published(root: Path, count: int) -> list[tuple[str, str, str, list[str]]]:
    """Part, query, support and boxes of PASCAL-Part's episodes by numpy's own calls, in the published order."""
    np.random.seed(0)
    lists = json.loads((root / pascal.LIST).read_text())["animals"]["object"]["bird"]["part"]

    def pick(part: str, taken: list[str]) -> tuple[str, str]:
        while True:
            image = str(np.random.choice(lists[part]["val"], 1, replace=False)[0])
            if image in taken:
                continue
            objects = json.loads((root / pascal.ANNOTATIONS / f"{image}.json").read_text())["object"]
            bird = np.random.choice([one for one in objects if one["name"] == "bird"], 1, replace=False)[0]
            if any(one["name"] == part for one in bird["parts"]):
                return image, " ".join(bird["bndbox"].values())

    found = []
    for number in range(count):
        part = ("FACE", "TAIL")[number % 2]
        query, box = pick(part, [])
        support, other = pick(part, [query])
        found.append((part, query, support, [box, other]))
    return found


def test_the_episodes_are_the_published_ones(voc: Path) -> None:
    """Part, images and boxes, drawn by the same generator; as many as validation images are listed."""
    episodes = pascal.draw_episodes(voc, "animals")
    assert len(episodes) == len(VAL) + 6 + 3
    for episode, (part, query, support, boxes) in zip(episodes, published(voc, len(episodes)), strict=True):
        assert ("FACE", "TAIL")[episode.part - 1] == part
        assert (episode.query.image.stem, episode.support.image.stem) == (query, support)
        assert [" ".join(map(str, crop.box)) for crop in (episode.query, episode.support)] == boxes
        assert query != support


def test_a_fold_has_its_parts_and_the_background_is_never_averaged_over(voc: Path, coco: Path) -> None:
    """What both lists show, without the tail of the aeroplane; of PACO every fourth that two images show."""
    birds, planes = (open_matcher(PASCAL, f"{voc}#{fold}") for fold in ("animals", "vehicles"))
    assert birds.classes == ("background", "bird+FACE", "bird+TAIL") and birds.excluded == {"background"}
    assert planes.classes == ("background", "aeroplane+BODY")
    assert open_matcher(PASCAL, str(voc)).classes == birds.classes
    assert open_matcher(PACO, f"{coco}#fold0").classes == ("background", "part 100", "part 104")
    assert open_matcher(PACO, f"{coco}#fold1").classes == ("background", "part 101")
    assert birds.fit == "stretch"
    with pytest.raises(DatasetError, match="is read with --fit stretch alone, not pad"):
        birds.fitted("pad")


def test_a_mask_has_one_part_of_one_object_in_its_box(voc: Path) -> None:
    """The union of what is drawn of it, cut as the photograph is."""
    dataset = open_matcher(PASCAL, f"{voc}#animals")
    splits, drawn = dataset.load(), pascal.draw_episodes(voc, "animals")
    assert splits.episodes == tuple(episode.part for episode in drawn) and len(splits.pool) == len(splits.test)
    assert isinstance(splits.test, KeepsShape)
    for index, episode in enumerate(drawn):
        left, top, right, bottom = episode.query.box
        if episode.part == 2:
            whole = block(10, 6 + VAL.index(episode.query.image.stem))
        else:
            whole = block(20, 12) | block(20, 24, 4, 4) if left == 4 else block(4, 4)
        expected = np.where(whole, episode.part, 0)[top:bottom, left:right]
        assert np.array_equal(splits.test.own_mask(index).numpy(), expected)
        with Image.open(episode.query.image) as image:
            crop = np.asarray(image)[top:bottom, left:right]
        stretched = np.array(Image.fromarray(crop).resize((12, 12), Image.Resampling.BILINEAR))
        assert torch.equal(splits.test.images([index], 12)[0], torch.from_numpy(stretched).permute(2, 0, 1) / 255)


def test_paco_has_polygons_and_run_lengths(coco: Path) -> None:
    """2,500 episodes, each of two photographs; photographs that are listed twice count once."""
    dataset = open_matcher(PACO, f"{coco}#fold0")
    splits, drawn = dataset.load(), paco.draw_episodes(coco, "fold0")
    assert len(drawn) == 2500 and {episode.part for episode in drawn} == {1, 2}
    assert all(episode.query.image != episode.support.image for episode in drawn)
    assert isinstance(splits.pool, KeepsShape)
    for index, episode in enumerate(drawn[:8]):
        left, top, right, bottom = episode.support.box
        assert (right - left, bottom - top) in ((25, 20), (24, 20))
        whole = block(8, 8, 12, 12) if episode.part == 1 else block(12, 12)
        assert np.array_equal(splits.pool.own_mask(index).numpy() > 0, whole[top:bottom, left:right])


def datasets(voc: Path, coco: Path) -> list[Dataset]:
    """One fold of each."""
    return [open_matcher(PASCAL, f"{voc}#animals"), open_matcher(PACO, f"{coco}#fold0")]


@pytest.mark.parametrize("check", CHECKS)
def test_it_passes_every_check(voc: Path, coco: Path, check: Callable[..., None]) -> None:
    """Both keep the promises of any dataset; that pictures return in other episodes is none of them."""
    for dataset in datasets(voc, coco):
        check(dataset)


def test_listing_imports_nothing_large() -> None:
    """The families are known without torch, numpy or Pillow, and wait for a path."""
    code = "import sys, partbench.datasets.matcher; sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    for dataset in partbench_datasets():
        with pytest.raises(DatasetError, match=f"'{dataset.name}' names no images yet; say where it lies, as"):
            dataset.load()


def relist(root: Path, change: Callable[[Any], object]) -> None:
    """Change the list of PASCAL-Part's images."""
    lists = json.loads((root / pascal.LIST).read_text())
    change(lists)
    (root / pascal.LIST).write_text(json.dumps(lists))


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no list": (lambda root: (root / pascal.LIST).unlink(), "there is no .*all_obj_part_to_image.json; put the list"),
    "no JSON": (lambda root: (root / pascal.LIST).write_text("{"), "to_image.json cannot be read as JSON"),
    "no fold": (lambda root: relist(root, lambda lists: lists.pop("animals")), "is no list of parts and images"),
    "one image": (
        lambda root: relist(root, lambda lists: lists["animals"]["object"]["bird"]["part"]["TAIL"].update(val=VAL[:1])),
        r"has fewer than two validation images for bird\+TAIL; unpack it again",
    ),
    "no photographs": (lambda root: (root / pascal.IMAGES).rename(root / "x"), "there is no .*JPEGImages; put the"),
    "a broken annotation": (
        lambda root: [file.write_text('{"object": [{}]}') for file in (root / pascal.ANNOTATIONS).iterdir()],
        r"\.json cannot be read as an annotation of the PASCAL-Part of Matcher",
    ),
    "nothing of the part": (
        lambda root: [file.write_text('{"object": []}') for file in (root / pascal.ANNOTATIONS).iterdir()],
        r"10,000 draws from .* found no two images that show bird\+FACE",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_the_files_is_said(voc: Path, fault: str) -> None:
    """In one sentence, before anything is computed."""
    spoil, message = FAULTS[fault]
    spoil(voc)
    with pytest.raises(DatasetError, match=message):
        open_matcher(PASCAL, f"{voc}#animals").load()


def test_a_damaged_mask_is_named(voc: Path) -> None:
    """A run length too many, found by the look before a run."""
    for file in (voc / pascal.ANNOTATIONS).iterdir():
        file.write_text(file.read_text().replace('"counts": "', '"counts": "1'))
    test = open_matcher(PASCAL, f"{voc}#animals").load().test
    assert isinstance(test, Inspectable)
    with pytest.raises(DatasetError, match=r"\.json has a damaged mask in 2008_.*\.jpg \(.*its run lengths are of"):
        test.inspect(0)


class Evil:
    """What a pickle must not do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


PICKLES: dict[str, tuple[str, Any, str]] = {
    "code": (paco.VALIDATION, Evil(), "it asks for builtins.print, of which annotations have no need; nothing was run"),
    "another count": (
        paco.TRAIN,
        {"cid2img": {1: []}},
        "it has 1 parts and not 448, so that the folds would be others",
    ),
    "no object": (
        paco.VALIDATION,
        {"cid2img": {100: [{1: "val2017/1.jpg"}, {2: "val2017/2.jpg"}]}, "img2anno": {}},
        "it has no object with the part 100 in the photograph 1",
    ),
    "a way out": (
        paco.VALIDATION,
        {"cid2img": {100: [{1: "x/../1.jpg"}, {2: "val2017/2.jpg"}]}, "img2anno": {}},
        r"it names a photograph '\.\./1.jpg'",
    ),
}


@pytest.mark.parametrize("fault", PICKLES)
def test_a_pickle_runs_nothing(coco: Path, capsys: pytest.CaptureFixture[str], fault: str) -> None:
    """Whatever it asks for beside containers is refused, and so is what is no annotation of the benchmark."""
    name, content, message = PICKLES[fault]
    (coco / "paco" / name).write_bytes(pickle.dumps(content))
    with pytest.raises(DatasetError, match=message):
        open_matcher(PACO, f"{coco}#fold0").load()
    assert capsys.readouterr().out == ""
