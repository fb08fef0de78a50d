"""Images and masks are known again by what they show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from partbench.datasets.dataset import DatasetError
from partbench.datasets.generated.content import image_content, labels_content, mask_content
from partbench.datasets.generated.manifest import read_manifest
from partbench.datasets.generated.split import AnnotatedSplit, check_exported, check_masks


def paint(folder: Path, stem: str = "p0") -> None:
    """An eye of 400 pixels."""
    file = folder / "painted" / f"{stem}.png"
    with Image.open(file) as image:
        image.paste(2, (10, 10, 30, 30))
        image.save(file)


def test_saving_the_same_pixels_in_another_way_changes_nothing(tmp_path: Path) -> None:
    """One pixel does, and so does another shape of the same pixels."""
    labels = np.arange(64).reshape(4, 16) % 5
    image = Image.fromarray(labels.astype(np.uint8), "L")
    info = PngInfo()
    info.add_text("Software", "another")
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.png", compress_level=0, pnginfo=info)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    for content in (image_content, mask_content):
        assert content(tmp_path / "a.png") == content(tmp_path / "b.png")
    assert mask_content(tmp_path / "a.png") == labels_content(labels) != labels_content(labels.reshape(16, 4))
    image.putpixel((3, 3), 4)
    image.save(tmp_path / "b.png")
    for content in (image_content, mask_content):
        assert content(tmp_path / "a.png") != content(tmp_path / "b.png")


def test_an_import_onto_other_images_is_refused_by_their_names(export: Any, take: Any) -> None:
    """All of them in one sentence, before any annotation is read; and so are images that are gone."""
    folder = export("png", images=("p0", "p1", "p2"))
    paint(folder)
    for stem in ("p1", "p2"):
        Image.new("RGB", (32, 32)).save(folder / "images" / f"{stem}.png")
    with pytest.raises(
        DatasetError, match=r"2 of 3 images \(images/p1.png, images/p2.png\); put it back, or export the"
    ):
        take(folder)
    (folder / "images" / "p1.png").unlink()
    with pytest.raises(
        DatasetError, match=r"there is no .*images/p1.png, which the manifest names; put it back, or exp"
    ):
        take(folder)
    assert not (folder / "masks").exists()


def test_masks_are_known_as_they_were_imported(export: Any, take: Any) -> None:
    """One that was edited since is refused by its name, unless it is imported as it is."""
    folder = export("png")
    paint(folder)
    paint(folder, "p1")
    take(folder)
    split = AnnotatedSplit(folder, read_manifest(folder))
    before = [split.name(0), split.name(1)]
    assert split.files(0) == (folder / "images" / "p0.png", folder / "masks" / "p0.png")
    with Image.open(folder / "masks" / "p0.png") as mask:
        mask.paste(3, (0, 0, 2, 2))
        mask.save(folder / "masks" / "p0.png")
    with pytest.raises(
        DatasetError, match=r"1 of 2 masks \(masks/p0.png\); put it back, or run partbench annotate imp"
    ):
        check_masks(folder, read_manifest(folder))
    assert (take(folder, folder / "masks").masks["p0"] == 3).sum() == 4
    check_masks(folder, read_manifest(folder))
    after = AnnotatedSplit(folder, read_manifest(folder))
    assert after.name(0) != before[0] and after.name(1) == before[1]


def test_a_mask_that_the_manifest_does_not_know_is_refused(export: Any, take: Any) -> None:
    """Named there by hand, it was never imported."""
    folder = export("png")
    paint(folder)
    take(folder)
    file = folder / "export.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"annotations": ["p0", "p1"]}))
    (folder / "masks" / "p1.png").write_bytes((folder / "masks" / "p0.png").read_bytes())
    with pytest.raises(DatasetError, match=r"1 of 2 masks \(masks/p1.png\)"):
        check_masks(folder, read_manifest(folder))


def test_an_export_of_before_there_were_hashes_gets_them_at_its_import(export: Any, take: Any) -> None:
    """It is read as it is, and that is said."""
    folder = export("png")
    paint(folder)
    file = folder / "export.json"
    content = json.loads(file.read_text()) | {"format": 1}
    contents = content.pop("contents")
    file.write_text(json.dumps(content))
    assert "export.json has no hashes yet; images and codes count as they are now" in take(folder).warnings[-1]
    manifest = read_manifest(folder)
    assert {name: manifest.contents[name] for name in contents} == contents
    check_exported(folder, manifest, manifest.images)
    assert set(manifest.contents) == {"images/p0.png", "images/p1.png", "masks/p0.png"}
