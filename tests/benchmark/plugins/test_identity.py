"""A record is told from what had its name before: by its provider, its weights, and what its images and masks hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from partbench.benchmark.plugins.identity import data_hash
from partbench.benchmark.run_folder import RunFolder
from partbench.datasets.dataset import Dataset
from partbench.datasets.faces import partbench_datasets
from partbench.datasets.folder import open_folder


def make(folder: Path, seed: int) -> Path:
    """Eight noisy images with masks, the same names whatever the seed."""
    random = np.random.default_rng(seed)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
        for i in range(8):
            shape = (16, 16, 3) if kind == "images" else (16, 16)
            values = random.integers(0, 255 if kind == "images" else 2, shape, dtype=np.uint8)
            Image.fromarray(values).save(folder / kind / f"q{i}.png")
    (folder / "classes.json").write_text(json.dumps({"classes": ["bg", "ear"]}))
    return folder


def test_data_are_their_files_wherever_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative name means other data in another folder, and a copy is the same."""
    make(tmp_path / "one" / "data", 0)
    make(tmp_path / "two" / "data", 0)
    make(tmp_path / "bad" / "data", 1)
    hashes = []
    for place in ("one", "two", "bad"):
        monkeypatch.chdir(tmp_path / place)
        hashes.append(data_hash(open_folder("data")))
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_an_edit_makes_other_data(tmp_path: Path, kind: str) -> None:
    """Of one pixel."""
    folder = make(tmp_path / "data", 0)
    before = data_hash(open_folder(str(folder)))
    values = np.array(Image.open(folder / kind / "q3.png"))
    values[0, 0] ^= 1
    Image.fromarray(values).save(folder / kind / "q3.png")
    assert data_hash(open_folder(str(folder))) != before


def test_drawn_and_broken_data_have_no_hash(tmp_path: Path) -> None:
    """The first have no files; of the second, checks say what is wrong."""

    def broken() -> None:
        raise RuntimeError("gone")

    assert data_hash(next(iter(partbench_datasets()))) is None
    assert data_hash(Dataset("broken", ("a",), broken)) is None  # type: ignore[arg-type]


def test_a_signoff_is_of_the_data_that_it_checked(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """The same words in another folder name data that nobody has checked."""
    for place, seed in (("good", 0), ("bad", 1)):
        make(tmp_path / place / "data", seed)
        monkeypatch.chdir(tmp_path / place)
        if place == "good":
            call("check", "folder:data")
        options = "--backbone copy --head linear --shots 1 --draws 1 --test 4 --size 16 --device cpu --out run"
        call("run", "--dataset", "folder:data", *options.split())
        listed = json.loads(call("leaderboard", "run", "--checks", "--format", "json").out)[0]["checks"]
        (standing,) = [one["standing"] for one in listed if one["noun"] == "dataset"]
        assert (standing == "not checked") == (place == "bad"), standing
        assert RunFolder(Path("run")).read_plan().dataset == "folder:data"
