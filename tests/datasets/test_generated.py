"""Shots that a generator made: their own codes are read, never projected, and any other backbone sees pictures."""

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
from PIL import Image

from partbench.backbones.backbone import Backbone, BackboneError
from partbench.benchmark.machine import processor
from partbench.benchmark.plugins.backbone_names import NamingError
from partbench.benchmark.plugins.catalogue import Catalogue, load_catalogue
from partbench.benchmark.plugins.names import find_backbone, find_dataset
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.segment.export import colours, from_backbone, from_pictures, write_export
from partbench.datasets.checks import CHECKS
from partbench.datasets.dataset import IGNORE, Dataset, DatasetError, GeneratorIdentity, MadeByGenerator
from partbench.datasets.faces import CLASSES
from partbench.datasets.generated.found import NAMED
from partbench.datasets.generated.manifest import read_manifest
from partbench.datasets.generated.writing import write_masks

CPU = torch.device("cpu")
PLUGIN = '''
import torch
import partbench
from partbench.backbones.backbone import Backbone


class Toy:
    """Images of 16 pixels from codes of 3 numbers; it writes down what it has to project."""

    def __call__(self, images):
        return self.maps(self.invert(images))

    def invert(self, images):
        with open("projected.txt", "a") as file:
            file.write(f"{len(images)}\\n")
        return {"w": images.mean((2, 3))}

    def reconstruct(self, codes):
        ramp = torch.linspace(0.5, 1, 256).reshape(1, 1, 16, 16)
        return codes["w"][..., None, None] * ramp

    def maps(self, codes):
        return [self.reconstruct(codes), codes["w"][..., None, None].repeat(1, 2, 8, 8)]

    def draw(self, count, seed):
        return {"w": torch.rand(count, 3, generator=torch.Generator().manual_seed(seed))}

    def sample(self, count, seed):
        codes = self.draw(count, seed)
        return self.reconstruct(codes), self.maps(codes)


@partbench.hookimpl
def partbench_backbones():
    yield Backbone("toy", 16, (3, 6), Toy)
    yield Backbone("other", 16, (3, 6), Toy)
'''
TINY = ("--shots", "1,2", "--draws", "2", "--test", "3", "--size", "16", "--head", "linear", "--device", "cpu")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A working folder with a generator of its own as a plugin, and six labelled pictures in `cats`."""
    (tmp_path / "partbench_plugins.py").write_text(PLUGIN)
    for number in range(6):
        for kind, pixels in (("images", noise(number)), ("masks", stripes(16))):
            file = tmp_path / "cats" / kind / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    (tmp_path / "cats" / "classes.json").write_text(json.dumps({"classes": CLASSES}))
    return tmp_path


def noise(seed: int) -> np.ndarray:
    """A soft random picture."""
    blots = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(blots).resize((16, 16), Image.Resampling.BILINEAR))


def stripes(side: int, classes: int = len(CLASSES)) -> np.ndarray:
    """A mask with every class."""
    return (np.arange(side)[:, None] * classes // side + np.zeros((1, side))).astype(np.uint8)


Call = Callable[..., Any]


@pytest.fixture
def call(call: Call) -> Call:
    """`partbench ARGUMENTS`: the exit code, and all that was said."""

    def say(*arguments: object) -> tuple[int, str]:
        answer = call(*arguments)
        return answer.code, answer.out + answer.err

    return say


def annotate(folder: Path, count: int, classes: int = len(CLASSES)) -> None:
    """Masks of stripes for the first images."""
    manifest = read_manifest(folder)
    with Image.open(folder / "images" / f"{manifest.images[0]}.png") as image:
        mask = stripes(image.height, classes)
    write_masks(folder, manifest, dict.fromkeys(manifest.images[:count], mask), colours(classes))


def export(
    catalogue: Catalogue, name: str, out: Path, like: str = "folder:cats", count: int = 4, seed: int = 3
) -> None:
    backbone = find_backbone(catalogue, name).record
    write_export(out, from_backbone(backbone, count, seed, CPU), CLASSES, like, "png", lambda rows, _: rows)


@pytest.mark.usefixtures("short_trainings")
def test_a_run_reads_the_codes_that_the_images_were_made_from(
    here: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From export to leaderboard: only test images are projected, and another backbone projects the shots, too."""
    assert (
        call("annotate", "export", "toy", "--like", "folder:cats", "--count", 4, "--seed", 3, "--out", "shots")[0] == 0
    )
    assert not (here / "projected.txt").exists()
    for number in range(3):
        file = here / "shots" / "images" / f"{number:04d}.json"
        record = json.loads(file.read_text())
        corners = [[0, 0], [16, 0], [16, 8 + number], [0, 8 + number]]
        shape = {"label": "hair", "points": corners, "group_id": None, "shape_type": "polygon", "flags": {}}
        file.write_text(json.dumps(record | {"shapes": [shape]}))
    code, said = call("annotate", "import", "shots")
    assert code == 0 and "1 of 4 images have no annotation and stay out: 0003" in said
    assert "next: partbench run --dataset generated:shots" in said
    code, said = call("run", "--dataset", "generated:shots", "--backbone", "toy", "--backbone", "copy", *TINY)
    assert code == 0, said
    assert [int(line) for line in (here / "projected.txt").read_text().split()] == [3]
    folder = RunFolder(here / "runs" / "generated-shots")
    results, damaged = folder.results()
    assert not damaged and all(result.error is None for result in results)
    toy = next(result.provenance for result in results if result.cell.backbone == "toy")
    assert toy["own codes"] == 3 and toy["codes by others"] is None
    assert toy["dataset"] == {"shots": "toy, seed 3", "annotator": "a person", "overlaps": "painter", "made by": "toy",
                              "weights": None}  # fmt: skip
    (here / "projected.txt").unlink()
    assert call("run", "--dataset", "generated:shots", "--backbone", "other", *TINY)[0] == 0
    assert [int(line) for line in (here / "projected.txt").read_text().split()] == [3, 3]
    monkeypatch.setattr("partbench.benchmark.run.codes.processor", lambda device: "another")
    assert call("run", "--dataset", "generated:shots", "--backbone", "toy", *TINY, "--out", "later")[0] == 0
    assert [int(line) for line in (here / "projected.txt").read_text().split()] == [3, 3]
    for result in RunFolder(here / "later").results()[0]:
        assert result.provenance["codes by others"] == [processor(CPU)]


def by_cvat(folder: Path) -> Path:
    """A file as CVAT exports it, with polygons on two images."""
    content = json.loads((folder / "coco.json").read_text())
    shapes = [[0, 0, 16, 0, 16, 9, 0, 9], [0, 9, 16, 9, 16, 12, 0, 12]]
    annotations = [
        {"id": 2 * image + k + 1, "image_id": image + 1, "category_id": 5 + k, "segmentation": [shapes[k]],
         "area": 0.0, "bbox": [0, 0, 1, 1], "iscrowd": 0, "attributes": {"occluded": False}}
        for image in range(2) for k in range(2)
    ]  # fmt: skip
    file = folder.parent / "instances_default.json"
    file.write_text(json.dumps({"licenses": [], "info": {}} | content | {"annotations": annotations}))
    return file


def by_label_studio(folder: Path) -> Path:
    """A file as Label Studio exports it, with run lengths on two images whose names it has changed."""
    images = [{"width": 16, "height": 16, "id": i, "file_name": f"images/0a1b2c3d-000{i}.png"} for i in range(2)]
    names = ["clothes", "face"]
    annotations = [
        {"id": 2 * image + k, "image_id": image, "category_id": 1 - k, "bbox": [0, 0, 1, 1], "iscrowd": 0,
         "segmentation": {"size": [16, 16], "counts": counts}}
        for image in range(2) for k, counts in enumerate(([0] + 15 * [9, 7] + [9, 7], [9] + 15 * [3, 13] + [3, 4]))
    ]  # fmt: skip
    file = folder.parent / "result.json"
    content = {"images": images, "categories": [{"id": i, "name": name} for i, name in enumerate(names)]}
    file.write_text(json.dumps(content | {"annotations": annotations, "info": {"contributor": "Label Studio"}}))
    return file


def by_painting(folder: Path) -> Path:
    """The blank masks of two images, painted over with their palette kept."""
    for number in range(2):
        file = folder / "painted" / f"{number:04d}.png"
        with Image.open(file) as image:
            painted = image.copy()
        painted.paste(4, (0, 0, 16, 9))
        painted.paste(5, (0, 9, 16, 12))
        painted.save(file)
    return folder / "painted"


@pytest.mark.parametrize(("kind", "annotator"), [("coco", by_cvat), ("coco", by_label_studio), ("png", by_painting)])
def test_every_tool_leads_to_the_same_run(here: Path, call: Call, kind: str, annotator: Callable[[Path], Path]) -> None:
    """From the command line alone, whatever the annotations were made with: the same masks, and scores of them."""
    export = ("annotate", "export", "toy", "--like", "folder:cats", "--count", 3, "--out", "shots", "--format", kind)
    assert call(*export)[0] == 0
    code, said = call("annotate", "import", "shots", annotator(here / "shots"), "--json")
    unsure = [f"{NAMED}: 2 (0000.png, 0001.png)"] if annotator is not by_cvat else []
    assert code == 0, said
    assert json.JSONDecoder().raw_decode(said)[0] == {  # the warning follows on stderr
        "dataset": "generated:shots",
        "annotated": ["0000", "0001"],
        "warnings": ["1 of 3 images have no annotation and stay out: 0002", *unsure],
    }
    rows = [4] * 9 + [5] * 3 + [0] * 4
    with Image.open(here / "shots" / "masks" / "0001.png") as mask:
        assert (np.asarray(mask) == np.array(rows)[:, None]).all()
    assert call("run", "--dataset", "generated:shots", "--backbone", "copy", *TINY)[0] == 0
    results, _ = RunFolder(here / "runs" / "generated-shots").results()
    assert len(results) == 4 and all(result.confusion is not None for result in results)


def test_planning_knows_that_own_images_need_no_projection(here: Path, call: Call) -> None:
    """A rehearsal for `partbench plan` projects none of them."""
    call("annotate", "export", "toy", "--like", "folder:cats", "--out", "shots", "--format", "png")
    annotate(here / "shots", 4)
    assert call("plan", "--dataset", "generated:shots", "--backbone", "toy", *TINY)[0] == 0
    assert not (here / "projected.txt").exists()


@pytest.mark.parametrize("check", CHECKS)
def test_generated_shots_pass_every_check(
    here: Path, monkeypatch: pytest.MonkeyPatch, check: Callable[[Dataset], None]
) -> None:
    """With the test images of a folder."""
    catalogue = load_catalogue()
    export(catalogue, "toy", here / "shots")
    annotate(here / "shots", 4)
    check(find_dataset(catalogue, "generated:shots").record)


def test_shots_stand_beside_the_splits_of_another_dataset(here: Path) -> None:
    """Pool from the export, all else from the dataset that it was made for; an annotation is part of a shot's name."""
    catalogue = load_catalogue()
    export(catalogue, "toy", here / "shots", "faces")
    annotate(here / "shots", 2)
    record, faces = (find_dataset(catalogue, name).record for name in ("generated:shots", "faces"))
    splits, base = record.load(), faces.load()
    assert record.like == "faces" and record.classes == faces.classes and len(splits.pool) == 2
    assert splits.test == base.test and splits.unlabelled == base.unlabelled
    assert isinstance(splits.pool, MadeByGenerator) and splits.pool.maker == GeneratorIdentity("toy", None)
    before = splits.pool.name(0)
    assert before.startswith("0000-") and not splits.notes
    Image.fromarray(stripes(64)).save(here / "shots" / "masks" / "0002.png")
    assert record.load().notes == ("shots/masks: 3 masks, 2 read; 1 left out: .png 1",)
    write_masks(here / "shots", read_manifest(here / "shots"), {"0000": np.ones((16, 16), int)}, [[0, 0, 0]])
    assert find_dataset(catalogue, "generated:shots").record.load().pool.name(0) != before


def test_a_run_notices_shots_that_have_changed(here: Path, call: Call) -> None:
    """A mask, an image or codes that are not what was exported or imported are refused, and how to go on is said."""
    call("annotate", "export", "toy", "--like", "folder:cats", "--out", "shots", "--format", "png")
    annotate(here / "shots", 3)
    run = ("run", "--dataset", "generated:shots", "--backbone", "copy", *TINY)
    assert call(*run)[0] == 0
    mask, image = here / "shots" / "masks" / "0001.png", here / "shots" / "images" / "0002.png"
    with Image.open(mask) as opened:
        edited = opened.copy()
    edited.paste(3, (2, 2, 9, 9))
    edited.save(mask)
    code, said = call(*run)
    assert code == 2 and "1 of 3 masks (masks/0001.png)" in said
    assert "or run partbench annotate import shots shots/masks to take the masks as they are" in said
    assert call("annotate", "import", "shots", "shots/masks")[0] == 0
    before = image.read_bytes()
    Image.open(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(image)
    for command in (run, ("annotate", "import", "shots", "shots/masks")):
        code, said = call(*command)
        assert code == 2 and "images (images/0002.png); put it back, or export the images again" in said, command
    image.write_bytes(before)
    (here / "shots" / "codes.safetensors").unlink()
    code, said = call(*run)
    assert code == 2 and "there is no shots/codes.safetensors, which the manifest names" in said


@pytest.mark.usefixtures("short_trainings")
def test_other_classes_leave_the_test_images_without_truth(here: Path, call: Call) -> None:
    """Nobody has drawn them there, so no pixel is scored; a run says so, and shows its predictions."""
    catalogue = load_catalogue()
    backbone = find_backbone(catalogue, "toy").record
    write_export(
        here / "shots",
        from_backbone(backbone, 2, 0, CPU),
        ("background", "blob"),
        "folder:cats",
        "png",
        lambda rows, _: rows,
    )
    annotate(here / "shots", 2, classes=2)
    code, said = call("run", "--dataset", "generated:shots", "--backbone", "toy", "--backbone", "copy", *TINY)
    assert code == 0 and "no test image shows background, blob; no score says whether they are found" in " ".join(
        said.split()
    )
    assert (here / "runs" / "generated-shots" / "pictures" / "predictions-linear-2-shot.png").exists()
    record = find_dataset(catalogue, "generated:shots").record
    test = record.load().test
    assert record.classes == ("background", "blob") and not record.excluded
    assert (test.masks([0, 1], 16) == IGNORE).all()
    assert torch.equal(test.images([1], 16), find_dataset(catalogue, "folder:cats").record.load().test.images([1], 16))


def test_annotated_pictures_are_read_as_the_images_they_are_tested_on(here: Path, call: Call) -> None:
    """Of a folder padded, and with another fit all of them with that one."""
    (here / "photos").mkdir()
    Image.fromarray(np.arange(0, 240, 12, dtype=np.uint8)[None].repeat(10, 0)).save(here / "photos" / "a.png")
    code, said = call("annotate", "export", "photos", "--like", "folder:cats", "--out", "shots", "--format", "png")
    assert code == 0, said
    write_masks(here / "shots", read_manifest(here / "shots"), {"a": np.ones((10, 20), int)}, [[0, 0, 0]] * 10)
    record = find_dataset(load_catalogue(), "annotated:shots").record
    assert record.fit == "pad"
    masks = {fit: record.fitted(fit).load().pool.masks([0], 20) for fit in ("pad", "crop", "stretch")}
    assert [(mask != IGNORE).sum().item() for mask in masks.values()] == [200, 400, 400]
    pool: Any = record.fitted("stretch").load().pool
    assert record.fitted("stretch").fit == "stretch" and record.fitted("stretch").name == "annotated:shots"
    assert torch.equal(pool.own_mask(0), torch.ones(10, 20, dtype=torch.uint8))
    assert (pool.fitted("pad").masks([0], 20) == masks["pad"]).all()


def test_pictures_are_annotated_the_same_way(here: Path, call: Call) -> None:
    """Photographs of any size, upright, under their own names; no generator made them, and the name says so."""
    (here / "photos" / "sub").mkdir(parents=True)
    Image.new("RGB", (20, 10), "red").save(here / "photos" / "a.jpg", exif=_sideways())
    Image.new("L", (12, 12), 40).save(here / "photos" / "sub" / "b.png")
    code, said = call("annotate", "export", "photos", "--like", "faces", "--out", "shots", "--format", "png")
    assert code == 0 and "wrote 2 images of photos into shots" in said
    with Image.open(here / "shots" / "images" / "a.png") as image:
        assert image.size == (10, 20)
    mask = np.ones((20, 10), int)
    write_masks(here / "shots", read_manifest(here / "shots"), {"a": mask}, [[0, 0, 0]] * 10)
    catalogue = load_catalogue()
    splits = find_dataset(catalogue, "annotated:shots").record.load()
    assert not isinstance(splits.pool, MadeByGenerator) and splits.pool.images([0], 8).shape == (1, 3, 8, 8)
    with pytest.raises(DatasetError, match="shots holds images that no generator made; name it as annotated:shots"):
        find_dataset(catalogue, "generated:shots")


def _sideways() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_what_cannot_be_exported_is_named(here: Path, call: Call) -> None:
    """A backbone that generates nothing, classes of nobody, a format that is not there, two pictures of one name."""
    for arguments, culprit in (
        (("jigsaw", "--like", "faces"), "jigsaw"),
        (("toy",), "--classes"),
        (("toy", "--classes", "a,a"), "'a'"),
        (("toy", "--like", "faces", "--format", "voc"), "'voc'"),
        (("toy", "--like", "fases"), "'fases'"),
    ):
        code, said = call("annotate", "export", *arguments, "--out", "shots")
        assert code == 2 and culprit in said, said
    assert not (here / "shots").exists()
    for name in ("a/b.png", "a-b.png"):
        (here / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(here / "photos" / name)
    with pytest.raises(DatasetError, match=r"two pictures would be called a-b.png; rename one of them"):
        from_pictures(here / "photos", None)


def test_shots_without_a_dataset_to_test_on_say_so(here: Path) -> None:
    """Each in one sentence: nobody to test on, nothing annotated, shots for shots, a mask that is gone."""
    catalogue = load_catalogue()
    backbone: Backbone = find_backbone(catalogue, "toy").record
    for out, like in (("alone", ""), ("bare", "faces"), ("loop", "generated:alone")):
        write_export(here / out, from_backbone(backbone, 1, 0, CPU), CLASSES, like, "png", lambda rows, _: rows)
    with pytest.raises(NamingError, match="'generated:alone' has shots alone; export it again with --like DATASET"):
        find_dataset(catalogue, "generated:alone")
    with pytest.raises(NamingError, match="is for 'generated:alone', which has shots alone too"):
        find_dataset(catalogue, "generated:loop")
    with pytest.raises(DatasetError, match="no image of bare is annotated yet; annotate some and run partbench annot"):
        find_dataset(catalogue, "generated:bare").record.load()
    with pytest.raises(DatasetError, match="'generated' names no images yet; make some with partbench annotate export"):
        find_dataset(catalogue, "generated")
    annotate(here / "bare", 1)
    (here / "bare" / "masks" / "0000.png").unlink()
    with pytest.raises(DatasetError, match=r"there is no .*0000.png, which the manifest names"):
        find_dataset(catalogue, "generated:bare").record.load().pool.name(0)
    annotate(here / "bare", 1)
    pool: Any = find_dataset(catalogue, "generated:bare").record.load().pool
    (here / "bare" / "codes.safetensors").write_bytes(b"?")
    with pytest.raises(DatasetError, match=r"codes.safetensors is damaged"):
        pool.codes([0])
    with pytest.raises(BackboneError, match="jigsaw generates no images"):
        from_backbone(find_backbone(catalogue, "jigsaw").record, 1, 0, CPU)


def test_listing_the_families_imports_nothing_heavy() -> None:
    """Neither torch nor Pillow, until an export is loaded."""
    code = (
        "import sys, partbench.datasets.generated; sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'PIL')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
