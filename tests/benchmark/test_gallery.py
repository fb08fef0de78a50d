"""Pictures of a run: images beside truth and predictions, on sheets that can be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from partbench.benchmark.gallery import (
    ON_SHEET,
    RECONSTRUCTIONS,
    SHOWN,
    BackboneGallery,
    compare_cells,
    compare_predictions,
    read_pictures,
)
from partbench.benchmark.pictures import GAP, HEADER, TILE
from partbench.benchmark.plan import Cell


def fill(run: Path, backbone: str, head: str = "linear", draw: int = 0, count: int = 10) -> None:
    truth = np.arange(count * 16).reshape(count, 4, 4) % 5
    gallery = BackboneGallery.of(run, backbone, np.random.default_rng(0).random((count, 3, 4, 4)), truth)
    gallery.keep(Cell(backbone, head, 5, draw), truth)
    gallery.write(gallery.images)


def test_predictions_of_backbones_stand_side_by_side(tmp_path: Path) -> None:
    """Image, truth, and a column per backbone that has predictions of this head."""
    fill(tmp_path, "pixels")
    fill(tmp_path, "random:stylegan2")
    fill(tmp_path, "position", head="cnn-s")
    path = compare_predictions(tmp_path, ["pixels", "random:stylegan2", "position", "copy"], "linear", 5)
    assert path is not None
    with Image.open(path) as image:
        assert image.size == (GAP + 4 * (TILE + GAP), HEADER + ON_SHEET * (TILE + GAP))


def test_cells_of_one_backbone_stand_side_by_side(tmp_path: Path) -> None:
    """A column per title, whatever its backbone, head and shots; one without predictions is left out."""
    fill(tmp_path, "pixels")
    columns = {"one": ("pixels", "linear", 5), "other": ("pixels", "linear", 5), "none": ("pixels", "cnn-l", 5)}
    path = compare_cells(tmp_path, columns, "rows.png")
    assert path == tmp_path / "pictures" / "rows.png"
    with Image.open(path) as image:
        assert image.size == (GAP + 4 * (TILE + GAP), HEADER + ON_SHEET * (TILE + GAP))
    assert compare_cells(tmp_path, {"none": ("pixels", "cnn-l", 5)}, "rows.png") is None


def test_a_backbone_that_keeps_fewer_pictures_shortens_the_sheet(tmp_path: Path) -> None:
    """Rows are of images that all columns have."""
    fill(tmp_path, "pixels")
    fill(tmp_path, "large", count=3)
    path = compare_predictions(tmp_path, ["pixels", "large"], "linear", 5)
    assert path is not None
    with Image.open(path) as image:
        assert image.height == HEADER + 3 * (TILE + GAP)


def test_only_the_first_draw_is_shown(tmp_path: Path) -> None:
    """One prediction per head and number of shots; without any there is no sheet."""
    fill(tmp_path, "pixels", draw=1)
    assert compare_predictions(tmp_path, ["pixels"], "linear", 5) is None


def test_a_damaged_gallery_is_painted_anew(tmp_path: Path) -> None:
    """It is no picture, and the next run writes it whole."""
    fill(tmp_path, "pixels")
    file = tmp_path / "pictures" / "pixels.npz"
    file.write_bytes(file.read_bytes()[:100])
    assert compare_predictions(tmp_path, ["pixels"], "linear", 5) is None
    fill(tmp_path, "pixels")
    assert compare_predictions(tmp_path, ["pixels"], "linear", 5) is not None


def test_originals_stand_above_their_reconstructions(tmp_path: Path) -> None:
    """Two rows, named at the left."""
    fill(tmp_path, "pixels")
    with Image.open(tmp_path / "pictures" / "pixels-reconstructions.png") as image:
        assert image.height == HEADER + 2 * (TILE + GAP)
        assert ON_SHEET * (TILE + GAP) + 50 < image.width < SHOWN * (TILE + GAP)


def test_more_pictures_are_kept_than_a_sheet_shows(tmp_path: Path) -> None:
    """A report shows them all, reconstructions too; a sheet stays one that can be read."""
    fill(tmp_path, "pixels", count=SHOWN + 2)
    kept = read_pictures(tmp_path / "pictures" / "pixels.npz")
    assert {name: len(kept[name]) for name in kept} == dict.fromkeys(
        ("linear 5", "images", "truth", RECONSTRUCTIONS), SHOWN
    )
