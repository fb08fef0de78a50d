"""Annotations of labelme, CVAT, Label Studio and paint programs as masks, and a sentence for each that is faulty."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from partbench.datasets.dataset import IGNORE, DatasetError
from partbench.datasets.files.rasters import disc
from partbench.datasets.generated.labels import AnnotationReader, FoundAnnotations
from partbench.datasets.generated.manifest import ExportManifest, read_manifest
from partbench.datasets.generated.reading import take_annotations
from partbench.datasets.generated.writing import complete, new_export, write_image

CLASSES = ("background", "eye", "nose")
COLOURS = [[0, 0, 0], [250, 0, 0], [0, 250, 0]]
WIDTH, HEIGHT = 24, 16
COMPRESSED = "c26:00LG1930000000000m4"
"""What pycocotools 2.0.11 writes for pixels 5 to 13 across and 3 to 8 down, without (7, 5)."""


def square(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def exported(folder: Path, kind: str = "labelme", classes: tuple[str, ...] = CLASSES) -> Path:
    """An export of three grey pictures, 24 pixels wide and 16 high."""
    manifest = ExportManifest(("a", "b", "c"), classes, kind, source="grey")
    with new_export(folder) as part:
        for stem in manifest.images:
            write_image(part, stem, Image.new("RGB", (WIDTH, HEIGHT), "grey"))
        complete(part, manifest, {}, COLOURS)
    return folder


def take(folder: Path, place: Path | None = None, overlaps: str = "painter", thick: float = 1.0) -> FoundAnnotations:
    """Import annotations."""
    reading = AnnotationReader(folder, read_manifest(folder), overlaps, thick)
    return take_annotations(place, reading, "a person", COLOURS)


def shape(label: str, points: Any, kind: str = "polygon", **more: Any) -> dict[str, Any]:
    """A shape as labelme 5 writes it."""
    common = {"label": label, "points": points, "group_id": None, "description": "", "shape_type": kind}
    return common | {"flags": {}, "mask": None} | more


def draw(folder: Path, stem: str, *shapes: dict[str, Any], **changes: Any) -> None:
    """Save shapes as labelme does: into the file that lies beside the image."""
    file = folder / "images" / f"{stem}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"shapes": list(shapes)} | changes))


def box_mask(left: int, top: int, right: int, bottom: int, value: int = 1) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.int64)
    mask[top:bottom, left:right] = value
    return mask


def test_labelme_has_polygons_rectangles_circles_lines_and_masks(tmp_path: Path) -> None:
    """Each becomes its pixels, in the order in which they were drawn; an image on which nothing is drawn stays out."""
    folder = exported(tmp_path / "shots")
    brush = BytesIO()
    Image.fromarray(np.eye(4, dtype=np.uint8) * 255).save(brush, "PNG")
    draw(folder, "a", shape("eye", square(2, 3, 8, 9), "oriented_rectangle"),
         shape("nose", [[6, 5], [10, 7]], "rectangle"))  # fmt: skip
    mask = shape("nose", [[3, 2], [6, 5]], "mask", mask=base64.b64encode(brush.getvalue()).decode())
    draw(folder, "b", shape("eye", [[12, 8], [15, 8]], "circle"), shape("nose", [[0, 0.5], [24, 0.5]], "line"), mask)
    found = take(folder)
    assert (found.masks["a"] == np.where(box_mask(6, 5, 10, 7) > 0, 2, box_mask(2, 3, 8, 9))).all()
    b = found.masks["b"]
    assert (b[0] == 2).all() and [b[2 + i, 3 + i] for i in range(4)] == [2, 2, 2, 2]
    assert (b == 1).sum() == disc((12, 8), (15, 8), HEIGHT, WIDTH).sum() > 20
    assert found.warnings == ["1 of 3 images have no annotation and stay out: c"]
    assert read_manifest(folder).annotations == ("a", "b")


def test_labelmes_own_labels_are_known(tmp_path: Path) -> None:
    """`_background_` and `__ignore__` stand in the label file that labelme is started with, and mean what they say."""
    folder = exported(tmp_path / "shots")
    assert (folder / "labels.txt").read_text().split() == ["__ignore__", "_background_", "eye", "nose"]
    draw(folder, "a", shape("eye", square(0, 0, 24, 16)), shape("_background_", square(0, 0, 4, 16)),
         shape("__ignore__", square(4, 0, 8, 16)))  # fmt: skip
    assert take(folder).masks["a"][3].tolist() == [0] * 4 + [IGNORE] * 4 + [1] * 16


def test_without_a_background_what_is_not_drawn_is_not_scored(tmp_path: Path) -> None:
    """A class list that names no background has no class for it."""
    folder = exported(tmp_path / "shots", classes=("eye", "nose"))
    draw(folder, "a", shape("nose", square(0, 0, 4, 16)))
    assert take(folder).masks["a"][0].tolist() == [1] * 4 + [IGNORE] * 20


def cvat() -> dict[str, Any]:
    """A file as CVAT exports it: a polygon, a brushed mask as run lengths, and a rectangle as a box alone."""
    brushed = (box_mask(0, 0, 2, 16) > 0).T.ravel()
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"contributor": "", "date_created": "", "description": "", "url": "", "version": "", "year": ""},
        "categories": [{"id": i + 1, "name": name, "supercategory": ""} for i, name in enumerate(CLASSES)],
        "images": [
            {"id": i + 1, "width": WIDTH, "height": HEIGHT, "file_name": f"{stem}.png", "license": 0, "flickr_url": "",
             "coco_url": "", "date_captured": 0}
            for i, stem in enumerate("abc")
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 2, "iscrowd": 0,
             "segmentation": [[2, 3, 8, 3, 8, 9, 2, 9], [9, 9, 12, 9, 12, 12, 9, 12]],
             "area": 45.0, "bbox": [2, 3, 10, 9], "attributes": {"occluded": False}},
            {"id": 2, "image_id": 1, "category_id": 3, "area": 32.0, "bbox": [0, 0, 2, 16], "iscrowd": 1,
             "segmentation": {"counts": [0, int(brushed.sum()), int((~brushed).sum())], "size": [HEIGHT, WIDTH]},
             "attributes": {"occluded": False}},
            {"id": 3, "image_id": 2, "category_id": 3, "segmentation": [], "area": 8.0, "bbox": [4.0, 5.0, 4.0, 2.0],
             "iscrowd": 0, "attributes": {"occluded": False, "rotation": 0.0}},
        ],
    }  # fmt: skip


def label_studio() -> dict[str, Any]:
    """A file as Label Studio exports it: names with what it put before them, categories from 0 in its own order."""
    names = sorted(CLASSES, reverse=True)
    return {
        "images": [{"width": WIDTH, "height": HEIGHT, "id": 0, "file_name": "images/6f1c2d3e-b.png"}],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
        "annotations": [
            {"id": 0, "image_id": 0, "category_id": names.index("eye"),
             "segmentation": {"size": [HEIGHT, WIDTH], "counts": COMPRESSED},
             "bbox": [5, 3, 9, 6], "ignore": 0, "iscrowd": 0, "area": 53.0},
        ],
        "info": {"year": 2024, "version": "1.0", "description": "", "contributor": "Label Studio", "url": ""},
    }  # fmt: skip


def test_cvats_file_is_read_as_it_is(tmp_path: Path) -> None:
    """The folder that its zip unpacks into is found, too."""
    folder, place = exported(tmp_path / "shots", "coco"), tmp_path / "cvat" / "annotations"
    place.mkdir(parents=True)
    (place / "instances_default.json").write_text(json.dumps(cvat()))
    found = take(folder, place.parent)
    expected = box_mask(2, 3, 8, 9) + box_mask(9, 9, 12, 12) + box_mask(0, 0, 2, 16, 2)
    assert (found.masks["a"] == expected).all()
    assert (found.masks["b"] == box_mask(4, 5, 8, 7, 2)).all()


def test_label_studios_file_is_read_as_it_is(tmp_path: Path) -> None:
    """Labels count by name, and an image is known behind what was put before its name."""
    folder, file = exported(tmp_path / "shots", "coco"), tmp_path / "result.json"
    file.write_text(json.dumps(label_studio()))
    expected = box_mask(5, 3, 14, 9)
    expected[5, 7] = 0
    assert (take(folder, file).masks["b"] == expected).all()


def test_the_coco_to_begin_with_is_complete(tmp_path: Path) -> None:
    """A tool finds all images and classes in it, and partbench that nothing is drawn yet."""
    folder = exported(tmp_path / "shots", "coco")
    content = json.loads((folder / "coco.json").read_text())
    assert [(image["file_name"], image["width"]) for image in content["images"]] == [(f"{s}.png", WIDTH) for s in "abc"]
    assert [category["name"] for category in content["categories"]] == list(CLASSES)
    with pytest.raises(DatasetError, match=r"nothing is drawn in .*coco.json; annotate at least one image"):
        take(folder)


def test_painted_masks_keep_their_values(tmp_path: Path) -> None:
    """An index PNG comes back as it was painted; one that is as blank as before is no annotation."""
    folder = exported(tmp_path / "shots", "png")
    file = folder / "painted" / "b.png"
    with Image.open(file) as image:
        assert image.mode == "P" and image.getpalette()[3:6] == COLOURS[1]  # type: ignore[index]
        painted = image.copy()
    painted.paste(2, (3, 4, 10, 8))
    painted.save(file)
    found = take(folder)
    assert list(found.masks) == ["b"] and (found.masks["b"] == box_mask(3, 4, 10, 8, 2)).all()
    with Image.open(folder / "masks" / "b.png") as kept:
        assert kept.mode == "P" and (np.asarray(kept) == found.masks["b"]).all()


EYE = shape("eye", square(2, 3, 8, 9))
FAULTY: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (shape("eyes", square(1, 1, 4, 4)), {}, r"a.json has the label 'eyes': there are .*; did you mean 'eye'\?"),
    (EYE, {"imageHeight": 64}, "a.json is of 24x64 pixels and .*a.png has 24x16; annotate the exported image"),
    (EYE, {"imagePath": "..\\other\\z.png"}, "a.json is of '.*z.png', which .*shots has not"),
    (EYE, {"imagePath": "b.png"}, "b.json is a second annotation of b.png after .*a.json; take one of them out"),
    (shape("eye", [[3, 3]], "point"), {}, "a.json has a point 'eye', which has no area; draw a polygon"),
    (shape("eye", [[3, 3], [4, 4]]), {}, "a.json has a polygon 'eye' of 2 points; give it 3 or more"),
    (shape("eye", [[3, "x"], [4, 4], [5, 6]]), {}, r"a.json cannot be read \(.*\); save it again from the tool"),
    (
        shape("eye", [[3, 3], [4, 4]], "mask", mask="no base64"),
        {},
        "a.json has a mask 'eye' whose picture cannot be read; save",
    ),
    ({"label": "eye"}, {}, r"a.json cannot be read \(no '.*'\)"),
]


@pytest.mark.parametrize(("drawn", "changes", "message"), FAULTY)
def test_a_fault_of_labelmes_is_named(
    tmp_path: Path, drawn: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    """File, fact and mend, and what was imported before stays."""
    folder = exported(tmp_path / "shots")
    draw(folder, "b", EYE)
    take(folder)
    before = (folder / "masks" / "b.png").read_bytes()
    draw(folder, "a", drawn, **changes)
    with pytest.raises(DatasetError, match=message):
        take(folder)
    assert (folder / "masks" / "b.png").read_bytes() == before
    assert read_manifest(folder).annotations == ("b",)


COCO_FAULTS: list[tuple[str, Any, str]] = [
    ("segmentation", [[1, 2, 3, 4]], "the annotation 3 of .* has a polygon of 4 numbers; give it three or more"),
    ("segmentation", {"size": [8, 8], "counts": [64]}, "has a mask of 8x8 pixels on an image of 24x16"),
    (
        "segmentation",
        {"size": [16, 24], "counts": [5]},
        "the annotation 3 of .* has a damaged mask, its run lengths are of 5 pixels and not of 384",
    ),
    ("bbox", None, "the annotation 3 of .* has neither segmentation nor bbox"),
    ("category_id", 9, "the annotation 3 of .* is of the category 9, which the file does not list"),
    ("image_id", 9, "the annotation 3 of .* is of the image 9, which the file does not list"),
]


@pytest.mark.parametrize(("key", "value", "message"), COCO_FAULTS)
def test_a_fault_of_cocos_is_named(tmp_path: Path, key: str, value: Any, message: str) -> None:
    """By the number of the annotation in its file."""
    folder, file = exported(tmp_path / "shots", "coco"), tmp_path / "instances.json"
    content = cvat()
    content["annotations"][2][key] = value
    file.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=message):
        take(folder, file)


def test_what_is_no_annotation_is_named(tmp_path: Path) -> None:
    """A zip, a missing file, one file of labelme, an empty folder, colours for classes, values of no class."""
    folder, empty = exported(tmp_path / "shots"), tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "a.zip").write_bytes(b"PK")
    for place, message in (
        (tmp_path / "a.zip", "a.zip is no .json; unpack it and name the .json inside"),
        (tmp_path / "no.json", "there is no file or folder .*no.json; say where"),
        (folder / "images" / "a.json", "a.json is one file of labelme; name the folder"),
        (empty, "empty holds no annotations; give the folder of labelme's"),
    ):
        with pytest.raises(DatasetError, match=message):
            take(folder, place)
    Image.new("RGB", (WIDTH, HEIGHT), "pink").save(empty / "a.png")
    with pytest.raises(DatasetError, match=r"its colours \(255, 192, 203\) are not each one class; paint with the pal"):
        take(folder, empty)
    Image.new("L", (WIDTH, HEIGHT), 7).save(empty / "a.png")
    with pytest.raises(DatasetError, match=r"a.png holds 7, which is no class; paint with 0 to 2, or 255"):
        take(folder, empty)


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    """A folder with anything in it is refused, and one that breaks off leaves none behind."""
    folder = exported(tmp_path / "shots")
    with pytest.raises(DatasetError, match="shots is there already and not empty; name another folder with --out"):
        exported(folder)
    with pytest.raises(RuntimeError), new_export(tmp_path / "broken"):
        raise RuntimeError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shots"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"export.json is damaged \(.*\); export the images again"),
        ('{"format": 9}', "export.json has format 9, and this partbench reads up to 2; use the one that wrote it"),
        ('{"format": 1, "maker": null}', r"export.json is damaged \(KeyError: 'images'\)"),
    ],
)
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str, message: str) -> None:
    """And so is a folder that is no export."""
    with pytest.raises(DatasetError, match=r"has no export.json; name a folder that partbench annotate export wrote"):
        read_manifest(tmp_path)
    (tmp_path / "export.json").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_manifest(tmp_path)


def test_files_that_are_not_read_are_counted(tmp_path: Path) -> None:
    """By their ending: in folders below, of other tools, and pictures where painted masks are looked for."""
    folder = exported(tmp_path / "shots")
    draw(folder, "a", EYE)
    for name in ("more/c.json", "b.xml", ".b.json"):
        (folder / "images" / name).parent.mkdir(exist_ok=True)
        (folder / "images" / name).write_text("{}")
    said = take(folder).warnings
    assert said[0] == "2 of 3 images have no annotation and stay out: b, c"
    assert said[1].endswith("images: 5 files, 3 read; 2 left out: .json 1, .xml 1 (b.xml, more/c.json)")
    painted = tmp_path / "painted"
    painted.mkdir()
    Image.new("L", (WIDTH, HEIGHT), 1).save(painted / "a.png")
    for name in ("b.bmp", "c.tif", "c.xcf", "d"):
        (painted / name).write_bytes(b"?")
    (left,) = take(folder, painted).warnings[2:]
    assert "painted: 5 files, 1 read; 4 left out: .bmp 1, .tif 1, .xcf 1, no ending 1 (b.bmp, c.tif, " in left


def test_a_folder_of_two_kinds_or_a_level_too_high_is_named(tmp_path: Path) -> None:
    """labelme's files beside COCO, and a folder whose folder has the annotations."""
    folder = exported(tmp_path / "shots")
    draw(folder, "a", EYE)
    (tmp_path / "job" / "deep" / "annotations").mkdir(parents=True)
    file = tmp_path / "job" / "deep" / "annotations" / "instances_x.json"
    file.write_text(json.dumps(cvat()))
    with pytest.raises(
        DatasetError, match=r"job holds no annotations, but .*deep.annotations has instances_x.json; giv"
    ):
        take(folder, tmp_path / "job")
    (folder / "images" / "export.json").write_text(file.read_text())
    assert list(take(folder, folder / "images").masks) == ["a"]
    (folder / "images" / "x.json").write_text(file.read_text())
    with pytest.raises(
        DatasetError, match=r"images holds annotations of labelme's \(a.json\) and COCO \(x.json\); name"
    ):
        take(folder)
