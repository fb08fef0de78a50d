"""A folder is the same tar wherever it lies, and its hash is known without writing it."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

from partbench.benchmark.file_contents import CacheError, Content, content_of_tree, files_of, innermost, pack_into


def fill(folder: Path, order: tuple[str, ...]) -> Path:
    """A folder with these files."""
    for name in order:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
        (folder / name).chmod(0o600)
    return folder


def test_equal_files_are_one_tar(tmp_path: Path) -> None:
    """Whenever they were written, in whatever order, by whoever may read them."""
    names = ("images/a.png", "masks/ä.png", "classes.json")
    first, second = fill(tmp_path / "a", names), fill(tmp_path / "b", names[::-1])
    os.utime(second / "classes.json", (1, 1))
    (second / "classes.json").chmod(0o644)
    contents = [content_of_tree(files_of(folder), "cats") for folder in (first, second)]
    assert contents[0] == contents[1]
    pack_into(files_of(first), tmp_path / "cats.tar")
    assert (tmp_path / "cats.tar").stat().st_size == contents[0].size
    with tarfile.open(tmp_path / "cats.tar") as archive:
        assert archive.getnames() == sorted(names)
    (second / "classes.json").write_text("other")
    assert content_of_tree(files_of(second), "cats").sha256 != contents[0].sha256


def test_the_one_folder_of_an_archive_is_what_is_meant(tmp_path: Path) -> None:
    """As where whoever packed it packed the folder itself."""
    fill(tmp_path / "all", ("in/cats/images/a", "in/cats/classes.json"))
    assert innermost(tmp_path / "all") == tmp_path / "all" / "in" / "cats"


@pytest.mark.parametrize(
    "wrong", [{"sha256": "../../x"}, {"name": "a/b"}, {"name": ".."}, {"inside": "../x"}, {"inside": "/x"}]
)
def test_what_leaves_the_cache_is_no_file_of_it(wrong: dict[str, str]) -> None:
    """Whatever a list that was brought says."""
    with pytest.raises(CacheError):
        Content(**{"sha256": "0" * 64, "size": 1, "name": "a", **wrong})  # type: ignore[arg-type]
