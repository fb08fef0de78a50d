"""What is not read of a folder or zip is counted, by its ending."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from partbench.datasets.dataset import DatasetError
from partbench.datasets.files.images import ImageFolder
from partbench.datasets.files.listing import files_below, left_out


def touch(folder: Path, *names: str) -> Path:
    """Files with nothing in them, but for those that are read."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".png", ".jpg"):
            Image.fromarray(np.zeros((4, 4, 3), dtype=np.uint8)).save(path)
        else:
            path.touch()
    return folder


def test_nothing_is_said_where_all_is_read(tmp_path: Path) -> None:
    """What systems leave behind is no file of the user's."""
    touch(tmp_path, "a.png", "deep/b.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", ".git/index")
    (tmp_path / "._a.png").write_bytes(b"what macOS leaves in zips")
    assert ImageFolder(tmp_path).notes == ()


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_no_picture_that_is_read_is_counted(tmp_path: Path, packed: bool) -> None:
    """By its ending in lower case, pictures apart from other files, in folders and zips alike."""
    folder = touch(tmp_path / "in", "a.png", "b.BMP", "c.bmp", "d/e.heic", ".hidden.jpg", "notes.txt", "README")
    place = folder
    if packed:
        place = tmp_path / "z.zip"
        with zipfile.ZipFile(place, "w") as file:
            for path in sorted(folder.rglob("*")):
                file.write(path, path.relative_to(folder).as_posix())
    sentence = "5 pictures, 1 read; 4 left out: .bmp 2, .heic 1, hidden 1; other files: .txt 1, without ending 1"
    assert ImageFolder(place).notes == (f"{place}: {sentence}",)


def test_links_that_are_not_followed_are_counted(tmp_path: Path) -> None:
    """A link to a picture is read; one to a folder, or to nothing, is said."""
    folder = touch(tmp_path / "in", "a.png")
    (folder / "same.png").symlink_to(folder / "a.png")
    (folder / "nothing.png").symlink_to(tmp_path / "gone.png")
    (folder / "more").symlink_to(touch(tmp_path / "other", "b.png"))
    assert len(ImageFolder(folder)) == 2
    assert ImageFolder(folder).notes == (f"{folder}: 4 pictures, 2 read; 2 left out: broken links 1, linked folders 1",)


def test_a_source_without_one_picture_says_what_is_there(tmp_path: Path) -> None:
    """So that who has other pictures knows that they were seen."""
    touch(tmp_path, "a.tif", "b.tif")
    with pytest.raises(DatasetError, match=r"no picture was found in .*2 pictures, 0 read; 2 left out: \.tif 2\); put"):
        ImageFolder(tmp_path)


def test_subfolders_that_are_not_searched_count_as_such(tmp_path: Path) -> None:
    """Whatever the pictures in them are."""
    touch(tmp_path, "a.png", "sub/b.png", "sub/c.tif")
    said = left_out(tmp_path, files_below(tmp_path), {"a.png"}, "images", inside=False)
    assert said == (f"{tmp_path}: 3 images, 1 read; 2 left out: in subfolders 2",)


def test_accents_in_either_normal_form_are_one_name(tmp_path: Path) -> None:
    """The name of a picture is the same on every system; two that only look the same are refused."""
    touch(tmp_path, "cafe\u0301.png")
    assert ImageFolder(tmp_path).name(0) == "caf\u00e9.png"
    assert ImageFolder(tmp_path).images([0], 4).shape == (1, 3, 4, 4)
    touch(tmp_path, "caf\u00e9.png")
    if len(list(tmp_path.iterdir())) == 2:  # some file systems take the two for one
        with pytest.raises(DatasetError, match=r"two pictures are called caf\u00e9\.png; .* or rename one"):
            ImageFolder(tmp_path)
