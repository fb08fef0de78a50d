"""labelme's files: what reaches beyond an image is cut off there, and what was drawn elsewhere is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from partbench.datasets.dataset import DatasetError
from partbench.datasets.generated.found import NAMED

ELL = np.zeros((21, 21), bool)
ELL[:, :3] = ELL[:3] = True
"""An L along the left and the upper side of 21 pixels."""


def png(mask: np.ndarray) -> str:
    file = BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def brush(part: np.ndarray, left: float, top: float) -> dict[str, Any]:
    """A mask of labelme's AI tools, its first pixel at (left, top)."""
    corners = [[left, top], [left + part.shape[1] - 1, top + part.shape[0] - 1]]
    return {"label": "ear", "points": corners, "shape_type": "mask", "mask": png(part)}


def polygon(*corners: tuple[float, float], label: str = "eye") -> dict[str, Any]:
    return {"label": label, "points": corners, "shape_type": "polygon"}


EYE = polygon((40, 40), (60, 40), (60, 60), (40, 60))


def draw(folder: Path, stem: str, *shapes: dict[str, Any], **changes: Any) -> Path:
    """Save shapes as labelme does, beside the image."""
    file = folder / "images" / f"{stem}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"shapes": shapes} | changes))
    return file


@pytest.mark.parametrize(("left", "top"), [(-10, -2), (-18, 50), (60, -18), (55, 60), (-1.5, -0.4)])
def test_a_mask_is_cut_where_the_image_ends(export: Callable[..., Path], take: Any, left: float, top: float) -> None:
    """Its pixels stay where they were painted, beyond every side and corner."""
    folder = export()
    draw(folder, "p0", brush(ELL, left, top), EYE)
    found = take(folder)
    at = {(x + round(left), y + round(top)) for y, x in np.argwhere(ELL).tolist()}
    expected = {(x, y) for x, y in at if 0 <= x < 64 and 0 <= y < 64}
    expected -= {(x, y) for x in range(40, 60) for y in range(40, 60)}  # the eye was drawn later
    assert {(x, y) for y, x in np.argwhere(found.masks["p0"] == 1).tolist()} == expected
    assert "shapes that reach beyond their image, clipped: 1 ('ear' of p0.json)" in found.warnings


def test_a_shape_outside_its_image_has_no_pixel(export: Callable[..., Path], take: Any) -> None:
    """It is counted as left out, and an image with no other shape has no annotation."""
    folder = export(images=("p0", "p1", "p2"))
    draw(folder, "p0", brush(np.flip(ELL), -30, -30))
    draw(folder, "p1", EYE, polygon((70, 5), (90, 5), (80, 30), label="ear"))
    found = take(folder)
    assert list(found.masks) == ["p1"] and set(np.unique(found.masks["p1"])) == {0, 2}
    assert found.warnings == [
        "2 of 3 images have no annotation and stay out: p0, p2",
        "shapes that cover 0 pixels of their image, left out: 2 ('ear' of p0.json, 'ear' of p1.json)",
    ]
    draw(folder, "p1")
    with pytest.raises(
        DatasetError, match=r"nothing is drawn in .*; shapes that cover 0 pixels .*: 1 \('ear' of p0.js"
    ):
        take(folder)


def test_only_what_loses_pixels_is_called_clipped(export: Callable[..., Path], take: Any) -> None:
    """A corner on the border or a hair beyond it has lost none; a circle reaches further than its points."""
    folder = export()
    draw(folder, "p0", polygon((-0.4, 0), (64.5, 0), (64, 64), (0, 64)))
    assert take(folder).warnings == ["1 of 2 images have no annotation and stay out: p1"]
    circle = {"label": "tail", "points": [[3, 32], [3, 42]], "shape_type": "circle"}
    draw(folder, "p0", polygon((-2, 0), (64, 0), (64, 64)), circle)
    assert take(folder).warnings[1] == (
        "shapes that reach beyond their image, clipped: 2 ('eye' of p0.json, 'tail' of p0.json)"
    )


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (brush(ELL, 5, 5) | {"points": [[5, 5], [45, 45]]}, "a mask 'ear' of 21x21 pixels between corners 41x41 apart"),
        (brush(ELL, 5, 5) | {"points": [[25, 25], [5, 5]]}, "a mask 'ear' of 21x21 pixels between corners -19x-19 ap"),
        (
            brush(ELL, 5, 5) | {"mask": base64.b64encode(b"no picture").decode()},
            "'ear' whose picture cannot be read; save it",
        ),
        (brush(ELL, 5, 5) | {"mask": png(ELL)[:60]}, "a mask 'ear' whose picture cannot be read; save it"),
    ],
)
def test_a_mask_of_another_size_is_refused(
    export: Callable[..., Path], take: Any, shape: dict[str, Any], message: str
) -> None:
    """Its picture has the pixels between its corners, and is whole."""
    folder = export()
    draw(folder, "p0", shape)
    with pytest.raises(DatasetError, match=message):
        take(folder)


def test_a_size_that_is_no_number_is_named(export: Callable[..., Path], take: Any) -> None:
    """Where something is drawn; a file on which nothing is may leave it out."""
    folder = export()
    draw(folder, "p0", EYE)
    draw(folder, "p1", imageHeight=None, imageWidth=None)
    assert list(take(folder).masks) == ["p0"]
    for height, said in ((None, "None"), ("64", "'64'")):
        draw(folder, "p1", EYE, imageHeight=height, imageWidth=64)
        with pytest.raises(
            DatasetError, match=f"p1.json has shapes and states no size in numbers .width 64, height {said}"
        ):
            take(folder)


def test_shapes_on_another_picture_of_the_name_are_refused(export: Callable[..., Path], take: Any) -> None:
    """labelme keeps a copy of what it drew on, unless told not to; all exports call their images alike."""
    folder, other = export(), export(images=("p1", "p0"), name="other")
    for place, right in ((folder, True), (other, False)):
        data = base64.b64encode((place / "images" / "p0.png").read_bytes()).decode()
        draw(folder, "p0", EYE, imageData=data)
        if right:
            assert list(take(folder).masks) == ["p0"]
            continue
        with pytest.raises(DatasetError, match=r"p0.json was drawn on another picture than .*p0.png; annotate the exp"):
            take(folder)
    draw(folder, "p0", EYE, imageData="no picture")
    with pytest.raises(
        DatasetError, match=r"p0.json has imageData whose picture cannot be read; save it again from the"
    ):
        take(folder)


def test_a_file_of_another_export_is_refused(export: Callable[..., Path], take: Any) -> None:
    """Every skeleton knows its image by content, and labelme keeps that; a file made elsewhere does not say."""
    folder, other = export(), export(images=("p1", "p0"), name="other")
    file = draw(other, "p0", EYE)
    (folder / "images" / "p0.json").write_bytes(file.read_bytes())
    with pytest.raises(
        DatasetError, match=r"shots.images.p0.json was drawn on another picture than .*p0.png; annotate"
    ):
        take(folder)
    content = json.loads(file.read_text())
    del content["partbench_image"]
    (folder / "images" / "p0.json").write_text(json.dumps(content))
    found = take(folder)
    assert list(found.masks) == ["p0"] and f"{NAMED}: 1 (p0.png)" in found.warnings
    content["imageData"] = base64.b64encode((folder / "images" / "p0.png").read_bytes()).decode()
    (folder / "images" / "p0.json").write_text(json.dumps(content))
    assert not any(NAMED in warning for warning in take(folder).warnings)
