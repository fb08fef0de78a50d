"""COCO of any tool: nothing is guessed where a file does not say it, and no two things are one by their name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from partbench.datasets.dataset import DatasetError
from partbench.datasets.generated.found import NAMED
from partbench.datasets.generated.labels import CONTENT

SQUARE = [[10, 10, 20, 10, 20, 20, 10, 20]]
Annotated = Callable[..., Path]


def image(number: int, name: str, **changes: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 64, "height": 64} | changes


def annotation(number: int = 1, of: int = 1, **changes: Any) -> dict[str, Any]:
    """A square of 100 pixels, category 7."""
    box = {"bbox": [10, 10, 10, 10], "area": 100, "iscrowd": 0}
    return {"id": number, "image_id": of, "category_id": 7, "segmentation": SQUARE, **box} | changes


@pytest.fixture
def coco(tmp_path: Path) -> Callable[..., Path]:
    """Writes a COCO file."""

    def write(images: list[Any], annotations: list[Any], name: str = "result.json", **more: Any) -> Path:
        categories = [{"id": 7, "name": "ear"}, {"id": 9, "name": "eye"}]
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"images": images, "categories": categories, "annotations": annotations} | more))
        return file

    return write


POINTS = {"keypoints": [10, 20, 2, 40, 50, 2], "num_keypoints": 2}
GUESSES = [
    (POINTS | {"segmentation": []}, "has points and no outline, and points have no area; draw a polygon or a mask"),
    ({"keypoints": [0, 0, 0], "segmentation": None}, "has points and no outline"),
    ({"segmentation": [], "attributes": {"rotation": 30.0}}, "is a box turned by 30 degrees, which COCO has not"),
    ({"segmentation": [], "area": 57.5}, "has lost its outline: its box has 100 pixels and its area is 57.5"),
    ({"segmentation": [], "bbox": [20, 20, -10, 5], "area": 0}, "has a box of -10x5 pixels; draw it again"),
    ({"segments_info": []}, "is panoptic, its pixels in a PNG elsewhere; export COCO instances"),
]


@pytest.mark.parametrize(("changes", "message"), GUESSES)
def test_a_box_is_no_guess_at_something_else(
    export: Annotated, take: Any, coco: Annotated, changes: dict[str, Any], message: str
) -> None:
    """Points, turned boxes, and masks that a tool has dropped are refused with the number of the annotation."""
    file = coco([image(1, "p0.png")], [annotation(), annotation(2, **changes)])
    with pytest.raises(DatasetError, match=f"the annotation 2 of .*result.json {message}"):
        take(export(), file)


def test_a_box_that_was_drawn_as_one_is_said(export: Annotated, take: Any, coco: Annotated) -> None:
    """It is a filled rectangle, and counted; points beside an outline do not matter."""
    box = annotation(2, segmentation=[], bbox=[50, 50, 20, 4], area=80, attributes={"rotation": 0.0})
    found = take(export(), coco([image(1, "p0.png")], [annotation(1, **POINTS), box]))
    assert (found.masks["p0"] == 1).sum() == 100 + 14 * 4
    assert found.warnings[2:] == [
        "shapes that reach beyond their image, clipped: 1 (annotation 2 of result.json)",
        "boxes without an outline, taken for filled rectangles: 1 (annotation 2 of result.json)",
    ]


def test_an_image_without_annotation_needs_no_size(export: Annotated, take: Any, coco: Annotated) -> None:
    """Label Studio writes none for what nobody has opened; where something is drawn, it is asked for."""
    folder, nobody = export(), image(2, "images/0123abce-p1.png", width=None, height=None)
    found = take(folder, coco([image(1, "0123abcd-p0.png"), nobody], [annotation()]))
    assert found.warnings == ["1 of 2 images have no annotation and stay out: p1", f"{NAMED}: 1 (p0.png)"]
    for broken in (nobody, {"id": 2, "file_name": "p1.png"}):
        file = coco([image(1, "p0.png"), broken], [annotation(), annotation(2, of=2)])
        with pytest.raises(
            DatasetError, match=r"p1.png of .* has shapes and states no size in numbers .width None, he"
        ):
            take(folder, file)


@pytest.mark.parametrize(
    "names", [("front/p0.png", "side/p0.png"), ("0123abcd-p0.png", "9876fedc-p0.png"), ("p0.png", "p0.jpg")]
)
@pytest.mark.parametrize("of", [1, 2])
def test_two_images_of_one_name_are_refused(
    export: Annotated, take: Any, coco: Annotated, names: tuple[str, str], of: int
) -> None:
    """Whether both are annotated or one: whose the shapes are, nobody can tell."""
    file = coco([image(1, names[0]), image(2, names[1])], [annotation(), annotation(2, of=of)])
    with pytest.raises(DatasetError, match=f"two images of .* are p0.png: {names[0]} and {names[1]}; take one out"):
        take(export(), file)


def test_an_image_is_known_by_as_much_of_its_path_as_it_needs(export: Annotated, take: Any, coco: Annotated) -> None:
    """Exported pictures of folders carry these in their names; what could be two of them is refused."""
    folder = export(images=("front-p0", "side-p0", "ä"))
    images = [image(1, "front/p0.png"), image(2, "C:\\data\\side\\p0.png"), image(3, "a\u0308.png")]
    found = take(folder, coco(images, [annotation(k, of=k) for k in (1, 2, 3)]))
    assert list(found.masks) == ["front-p0", "side-p0", "ä"]
    for both, name in ((("p0", "front-p0"), "front/p0.png"), (("p0", "0123abcd-p0"), "0123abcd-p0.png")):
        other = export(images=both, name=both[1])
        with pytest.raises(DatasetError, match=f"'{name}', which may be {both[0]}.png or {both[1]}.png; give it a na"):
            take(other, coco([image(1, name)], [annotation()]))


def test_ids_and_categories_that_are_two_things_are_refused(export: Annotated, take: Any, coco: Annotated) -> None:
    """An id twice, and a name under two supercategories; categories that no annotation uses do not matter."""
    folder, one, both = export(), [image(1, "p0.png")], [annotation(), annotation(2, category_id=9)]
    for parts, message in (
        ({"images": [image(1, "p0.png"), image(1, "p1.png")]}, "has the id 1 for two of its images; export it again"),
        ({"categories": [{"id": 7, "name": "ear"}, {"id": 7, "name": "eye"}]}, "has the id 7 for two of its categorie"),
        ({"categories": [{"id": 7, "name": "eye", "supercategory": "left"}, {"id": 9, "name": "eye"}]},
         r"has two categories 'eye' \(7 of 'left' and 9 of ''\); give them names of their own"),
        ({"categories": [{"id": 7, "name": "Ear"}, {"id": 9, "name": "eye"}]}, "has the label 'Ear': .* mean 'ear'"),
    ):  # fmt: skip
        with pytest.raises(DatasetError, match=message):
            take(folder, coco(**({"images": one, "annotations": both} | parts)))
    unused = [{"id": 7, "name": "ear"}, {"id": 1, "name": "wheel"}, {"id": 2, "name": "wheel"}]
    assert list(take(folder, coco(one, [annotation()], categories=unused)).masks) == ["p0"]


def test_run_lengths_of_another_size_or_a_huge_one_are_refused(export: Annotated, take: Any, coco: Annotated) -> None:
    """Before there is an array for them."""
    folder = export()
    for runs, message in (
        ({"size": [32, 32], "counts": [1024]}, "has a mask of 32x32 pixels on an image of 64x64"),
        ({"size": [64, 64], "counts": [10**13, 5]}, "damaged mask, its run lengths are of 10000000000005 pixels"),
        ({"size": [64, 64], "counts": [4100, -4]}, "damaged mask, its run lengths are of 4096 pixels"),
        ({"size": [64, 64], "counts": "P3"}, "damaged mask, its run lengths are of"),
    ):
        with pytest.raises(DatasetError, match=message):
            take(folder, coco([image(1, "p0.png")], [annotation(segmentation=runs)]))


def test_annotations_of_another_picture_are_noticed(export: Annotated, take: Any, coco: Annotated) -> None:
    """Where a tool has kept the hash that the file was begun with; all exports call their images alike."""
    folder, other = export(kind="coco"), export(images=("p1", "p0"), name="other", kind="coco")
    for place, right in ((folder, True), (other, False)):
        entries = json.loads((place / "coco.json").read_text())["images"]
        (begun,) = [entry for entry in entries if entry["file_name"] == "p0.png"]
        assert len(begun[CONTENT]) == 16 and (begun["width"], begun["height"]) == (64, 64)
        file = coco([begun | {"id": 1}], [annotation()])
        if right:
            assert take(folder, file).warnings == ["1 of 2 images have no annotation and stay out: p1"]
            continue
        with pytest.raises(
            DatasetError, match=r"image p0.png of .*result.json was drawn on another picture than .*shots/images/p0.png"
        ):
            take(folder, file)


def test_what_no_hash_tells_is_said(export: Annotated, take: Any, coco: Annotated) -> None:
    """Of a file without hashes the size is held against the picture, and more cannot be known."""
    folder = export()
    without = take(folder, coco([image(1, "p0.png"), image(2, "p1.png")], [annotation(), annotation(2, of=2)]))
    assert without.warnings == [f"{NAMED}: 2 (p0.png, p1.png)"]
    with pytest.raises(DatasetError, match=r"p0.png of .*result.json is of 64x65 pixels and .*p0.png has 64x64; annot"):
        take(folder, coco([image(1, "p0.png", height=65)], [annotation()]))


def test_subsets_of_a_job_are_read_together(export: Annotated, take: Any, coco: Annotated, tmp_path: Path) -> None:
    """CVAT writes a file for each; an image that two of them annotate is refused."""
    coco([image(1, "p0.png")], [annotation()], "job/annotations/instances_Train.json")
    val = "job/annotations/instances_my val.json"
    coco([image(1, "p1.png"), image(2, "p0.png")], [annotation(segmentation=[[0, 0, 64, 0, 64, 64]])], val)
    folder = export()
    for place in (tmp_path / "job", tmp_path / "job" / "annotations"):
        found = take(folder, place)
        assert [int((found.masks[stem] == 1).sum()) for stem in ("p0", "p1")] == [100, 2080]
        assert np.array_equal(np.unique(found.masks["p1"]), [0, 1])
        assert found.warnings == [f"{NAMED}: 2 (p0.png, p1.png)"]
    coco([image(1, "p0.png")], [annotation()], val)
    with pytest.raises(DatasetError, match=r"instances_Train.json and .*my val.json both annotate p0.png; take one"):
        take(folder, tmp_path / "job")
