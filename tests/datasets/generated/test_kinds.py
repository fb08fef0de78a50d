"""Which tool a file is from is told by its content, and a sentence says what is wanted instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from partbench.datasets.dataset import DatasetError

TASK = {"id": 1, "data": {"image": "/data/upload/1/0123abcd-p0.png"}, "annotations": []}
FOREIGN: list[tuple[Any, str]] = [
    (
        [TASK],
        "is a list of tasks, as Label Studio's JSON and JSON-MIN are, and COCO is wanted; choose COCO in Label St",
    ),
    (
        [{"image": "p0.png", "id": 1, "label": []}],
        "is a list of tasks, as Label Studio's JSON and JSON-MIN are, and CO",
    ),
    (TASK, "is one task of Label Studio's JSON; export COCO from the tool instead"),
    (
        [{"image_id": 1, "category_id": 7, "segmentation": []}],
        "is a list of COCO results, without the images and categ",
    ),
    ({"p0.png123": {"filename": "p0.png", "regions": []}}, "is of the VGG Image Annotator"),
    ({"info": {}, "categories": {}, "items": []}, "is Datumaro's JSON"),
    ({"type": "FeatureCollection", "features": []}, "is GeoJSON"),
    ({"images": [], "annotations": [], "info": {}}, "is COCO without categories, as of captions"),
    ({"hello": 1}, "has no images and no annotations and no categories; export COCO from the tool"),
    (3, "has no images and no annotations and no categories"),
]


@pytest.mark.parametrize(("content", "message"), FOREIGN)
def test_a_foreign_file_is_called_by_its_name(
    export: Any, take: Any, tmp_path: Path, content: Any, message: str
) -> None:
    """Whether it is named or found in a folder, and whatever it is called."""
    file = tmp_path / "from the tool" / "project-1-at-2024-05-01.json"
    file.parent.mkdir()
    file.write_text(json.dumps(content))
    for place in (file, file.parent):
        with pytest.raises(DatasetError, match=f"project-1-at-2024-05-01.json {message}"):
            take(export(name=place.name[:3]), place)


def test_what_is_no_json_inside_is_named(export: Any, take: Any, tmp_path: Path) -> None:
    """Broken, and nested beyond all reason."""
    file = tmp_path / "result.json"
    for text in ("{", "[" * 100_000):
        file.write_text(text)
        with pytest.raises(DatasetError, match=r"result.json cannot be read \(.*\); save it again from the tool"):
            take(export(name=f"shots{len(text)}"), file)


def test_an_ending_tells_what_to_do(export: Any, take: Any, tmp_path: Path) -> None:
    """CVAT's own format, and a single painted mask."""
    folder = export()
    for name, message in (
        (
            "annotations.xml",
            r"annotations.xml is no .json; export it once more, as .COCO 1.0. from CVAT or .COCO. from",
        ),
        ("p0.png", "p0.png is no .json; name the folder that it lies in"),
    ):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(DatasetError, match=message):
            take(folder, tmp_path / name)
