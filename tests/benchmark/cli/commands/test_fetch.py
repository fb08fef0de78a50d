"""`partbench fetch` lists published sets, describes one, and ends with the dataset that it laid out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from partbench.benchmark.cli.main import main
from partbench.datasets.dataset import DatasetError
from partbench.datasets.published import Download
from partbench.datasets.published import download as downloads
from partbench.datasets.published.sets import PUBLISHED

Fetch = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fetch(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Fetch:
    """`partbench fetch WORDS`, in this process."""

    def fetch(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["partbench", "fetch", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(stop.value.code or 0), *capsys.readouterr()

    return fetch


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Four faces as Face Synthetics has them."""
    folder = tmp_path / "dataset_100"
    folder.mkdir()
    for number in range(4):
        dice = np.random.default_rng(number)
        Image.fromarray(dice.integers(0, 256, (16, 16, 3), np.uint8)).save(folder / f"{number:06d}.png")
        Image.fromarray(dice.integers(0, 19, (16, 16), np.uint8)).save(folder / f"{number:06d}_seg.png")
        (folder / f"{number:06d}_ldmks.txt").write_text("1 1\n")
    return folder


def test_all_sets_are_listed_with_their_licences(fetch: Fetch) -> None:
    """For people, and as JSON with the dataset that each becomes."""
    code, said, _ = fetch()
    assert code == 0 and all(one.name in said and one.licence in said for one in PUBLISHED)
    code, said, _ = fetch("--json")
    listed = {one["name"]: one for one in json.loads(said)}
    assert list(listed) == [one.name for one in PUBLISHED]
    assert listed["clothing"]["dataset"] == "clothing:PATH" and listed["clothing"]["downloads"][0]["url"]


def test_one_set_says_where_it_is_had(fetch: Fetch) -> None:
    """With the command that comes next."""
    code, said, _ = fetch("pascal-part")
    assert code == 0 and "roozbehm.info/pascal-parts/trainval.tar.gz" in said
    assert "then: partbench fetch pascal-part --from trainval.tar.gz --from VOCtrainval_03-May-2010.tar" in said
    assert "--download" in fetch("clothing")[1]
    assert json.loads(fetch("fasseg", "--json")[1])["dataset"] == ""


def test_what_was_downloaded_becomes_a_dataset(fetch: Fetch, faces: Path, tmp_path: Path) -> None:
    """It is opened by the reader that a run would take, and its name stands at the end."""
    code, said, _ = fetch("facesynth", "--from", faces, "--out", tmp_path / "synth")
    assert code == 0 and said.strip().endswith(f"use it as --dataset folder:{tmp_path / 'synth'}")
    assert "2 pool, 2 test" in said and "4 files of the downloads have no place here" in said
    code, said, _ = fetch("facesynth", "--from", faces, "--out", tmp_path / "again", "--json")
    record = json.loads(said)
    assert code == 0 and record["dataset"] == f"folder:{tmp_path / 'again'}"
    assert record["images"] == {"pool": 2, "test": 2} and record["files"] == {"images": 4, "masks": 4}
    assert record["without a place"] == 4


def test_a_layout_that_nothing_reads_says_who_would(
    fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LaPa is read by a worked example, which may not be installed."""
    monkeypatch.setenv("PARTBENCH_BLOCK", "lapa")
    for split in ("train", "val", "test"):
        (tmp_path / "LaPa" / split / "images").mkdir(parents=True)
        (tmp_path / "LaPa" / split / "images" / "1.jpg").write_bytes(b"1")
    code, said, error = fetch("lapa", "--from", tmp_path / "LaPa", "--out", tmp_path / "lapa")
    assert code == 0, error
    assert "not opened" in said and f"--dataset lapa:{tmp_path / 'lapa'}" in said and "examples/lapa" in said


def test_a_download_lies_beside_the_folder(fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is checked by its hash is fetched; of a set without a layout the note says who reads it."""

    def write(source: Download, target: Path, *_: object) -> None:
        target.write_bytes(source.sha256.encode())

    monkeypatch.setattr(downloads, "download", write)
    code, said, _ = fetch("paco", "--download", "--out", tmp_path / "paco")
    assert code == 0 and (tmp_path / "paco-paco_lvis_v1.zip").exists() and "matcher-paco-part" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("clothes",), "no published set is called 'clothes'"),
        (("--out", "x"), "name it, and what was downloaded with --from"),
        (("clothing", "--out", "x"), "name it, and what was downloaded with --from"),
        (("clothing", "--from", "x"), "say where to lay out clothing, as --out clothing"),
        (("bsds", "--download", "--out", "x"), "bsds is not downloaded by partbench"),
        (("carparts", "--from", ".", "--out", "x"), "carparts is not laid out"),
    ],
)
def test_what_cannot_be_done_is_said(fetch: Fetch, words: tuple[str, ...], message: str) -> None:
    """In one sentence, with the exit code of a command that was wrong."""
    code, _, error = fetch(*words)
    assert code == 2 and message in error and error.count("\n") == 1


def test_a_download_into_a_folder_that_is_there_does_not_begin(
    fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a gigabyte that has no place."""

    def never(*_: object) -> None:
        raise DatasetError("it was fetched")

    monkeypatch.setattr(downloads, "download", never)
    (tmp_path / "there").mkdir()
    code, _, error = fetch("clothing", "--download", "--out", tmp_path / "there")
    assert code == 2 and "is there already, and nothing is written over" in error
