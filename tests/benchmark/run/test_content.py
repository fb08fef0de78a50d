"""What images and masks hold tells scores apart, be the names the same; files that kept size and time are not read."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from partbench.benchmark import file_hashes
from partbench.benchmark.plan import Plan
from partbench.benchmark.results import ResultError
from partbench.benchmark.run import content, file_memory
from partbench.benchmark.run.task import SegmentationTask
from partbench.benchmark.run_folder import RunFolder
from partbench.datasets.dataset import Dataset, Splits
from partbench.datasets.folder import open_folder

SIZE = 16


@pytest.fixture(autouse=True)
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, and not after two seconds in which nobody wrote."""
    monkeypatch.setattr(file_hashes, "FRESH", 0.0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eight noisy images with masks of three classes, half of them for testing."""
    folder, random = tmp_path / "data", np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for i in range(8):
        pixels = random.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"q{i}.png")
        labels = random.integers(0, 3, (SIZE, SIZE), dtype=np.uint8)
        Image.fromarray(labels).save(folder / "masks" / f"q{i}.png")
    (folder / "classes.json").write_text(json.dumps({"classes": ["bg", "ear", "tail"], "ignore_index": 255}))
    for file in folder.rglob("*.*"):
        os.utime(file, (1000, 1000))
    return folder


def opened(data: Path) -> SegmentationTask:
    plan = Plan(f"folder:{data}", ("pixels",), ("linear",), shots=(1,), draws=2, size=SIZE)
    return SegmentationTask.open(open_folder(str(data)), plan)


def scored(data: Path, run: Path) -> RunFolder:
    """The folder of a run that was made with the data as they are."""
    task, folder = opened(data), RunFolder(run)
    folder.write_plan(task.plan, {"data": task.data, "contents": task.contents, "classes": task.dataset.classes})
    return folder


def repaint(file: Path, value: int) -> None:
    labels = np.array(Image.open(file))
    labels[0, 0] = value if labels[0, 0] != value else (value + 1) % 3
    Image.fromarray(labels).save(file)


def change_mask(data: Path) -> None:
    for i in (0, 3, 4, 5, 7):
        repaint(data / "masks" / f"q{i}.png", 1)


def change_image(data: Path) -> None:
    pixels = np.array(Image.open(data / "images" / "q2.png"))
    pixels[5, 5] ^= 1
    Image.fromarray(pixels).save(data / "images" / "q2.png")


def rename_class(data: Path) -> None:
    (data / "classes.json").write_text(json.dumps({"classes": ["bg", "ear", "paw"], "ignore_index": 255}))


def remove_image(data: Path) -> None:
    (data / "images" / "q6.png").unlink()
    (data / "masks" / "q6.png").unlink()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (change_mask, r"other masks than those scored: 5 of 8 \(\w+, \w+, \w+ \.\.\.\)"),
        (change_image, r"other images than those scored: 1 of 8 \(q2\)"),
        (rename_class, r"other classes than those scored \(bg, ear, paw, not bg, ear, tail\)"),
        (remove_image, r"other images or classes than those scored: 1 of 8 are gone \(q6\)"),
    ],
)
def test_a_run_of_other_content_is_refused(data: Path, tmp_path: Path, change: object, sentence: str) -> None:
    """Though the names are the same: what changed is counted and named, and how to go on is said."""
    folder = scored(data, tmp_path / "run")
    opened(data).check_folder(folder)
    assert callable(change)
    change(data)
    with pytest.raises(ResultError, match=rf"holds a run with ({sentence}).*; choose another --out, or put back"):
        opened(data).check_folder(folder)


def test_another_labelling_of_the_same_files_is_other_masks(data: Path) -> None:
    """Neither a file of masks nor a name changed, and every score would."""
    before = opened(data)
    (data / "classes.json").write_text(json.dumps({"classes": ["bg", "tail", "ear"], "ignore_index": 255}))
    assert before.data != opened(data).data


def test_native_masks_are_compared_whole(data: Path) -> None:
    """A pixel that the square leaves out is part of what is scored at the mask's own size, and of nothing else."""
    plans = [
        replace(opened(data).plan, size=8, native=native, fit=fit) for native in (False, True) for fit in ("", "crop")
    ]
    before = [SegmentationTask.open(open_folder(str(data)), plan).data for plan in plans]
    assert len({*before}) == 2  # the images are square: of them all fits are the same
    repaint(data / "masks" / "q0.png", 0)  # its corner; a square of 8 has the pixels of odd rows and columns
    after = [SegmentationTask.open(open_folder(str(data)), plan).data for plan in plans]
    assert before[:2] == after[:2] and before[2] != after[2] == after[3]


def test_each_fit_is_remembered_apart(data: Path) -> None:
    """A mask that a crop cuts is another one when it is padded, whichever was read first."""
    for name, pixels in (("images", np.zeros((24, SIZE, 3), np.uint8)), ("masks", np.zeros((24, SIZE), np.uint8))):
        Image.fromarray(pixels).save(data / name / "q0.png")
        os.utime(data / name / "q0.png", (1000, 1000))
    plan = opened(data).plan
    one, other = (
        SegmentationTask.open(open_folder(str(data)), replace(plan, fit=fit)).contents for fit in ("pad", "crop")
    )
    changed = [name for split in one for name, digests in one[split].items() if digests != other[split][name]]
    assert changed == ["q0"]


def test_files_that_were_only_touched_are_the_same(data: Path, tmp_path: Path) -> None:
    """Another time makes a file be read again, and no other content."""
    folder = scored(data, tmp_path / "run")
    for file in data.rglob("*.png"):
        os.utime(file, (1, 1))
    opened(data).check_folder(folder)


def test_the_second_start_reads_no_file(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are known by path, size and time; `forget` has them looked at again."""
    read: list[Path] = []
    monkeypatch.setattr(content, "file_hash", lambda file: read.append(file) or file.read_bytes().hex()[:16])
    first = opened(data).data
    assert len(read) == 8
    assert (opened(data).data, len(read)) == (first, 8)
    os.utime(data / "images" / "q1.png", (1, 1))
    assert (opened(data).data, len(read)) == (first, 9)
    file_memory.forget()
    assert (opened(data).data, len(read)) == (first, 17)


def test_what_is_written_just_now_is_read_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk may give two writings within a moment the same times: size and times then say nothing."""
    monkeypatch.setattr(file_hashes, "FRESH", 2.0)
    file = data / "masks" / "q5.png"
    repaint(file, 1)
    now = file.stat().st_mtime_ns
    before, size = opened(data).data, file.stat().st_size
    repaint(file, 2)
    os.utime(file, ns=(now, now))
    assert file.stat().st_size == size
    assert opened(data).data != before


def test_a_time_that_was_put_back_hides_no_change(data: Path) -> None:
    """Neither of an image nor of a mask: a disk keeps the time of the last change for itself."""
    for file in (data / "masks" / "q5.png", data / "images" / "q5.png"):
        before, stat = opened(data).data, file.stat()
        time.sleep(0.02)  # a tick of a disk's clock
        pixels = np.array(Image.open(file))
        pixels[0, 0] = (pixels[0, 0] + 1) % 3
        Image.fromarray(pixels).save(file)
        os.utime(file, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
        assert opened(data).data != before


def test_a_memory_that_is_damaged_is_made_anew(data: Path, tmp_path: Path) -> None:
    """It costs time alone."""
    before = opened(data).data
    for file in (tmp_path / "cache" / "contents").iterdir():
        file.write_text("[1, {")
    assert opened(data).data == before


class Drawn:
    """Images that lie in no file."""

    def __init__(self, shade: float) -> None:
        self.shade = shade

    def __len__(self) -> int:
        return 4

    def name(self, index: int) -> str:
        return str(index)

    def images(self, indices: list[int], size: int) -> torch.Tensor:
        return torch.full((len(indices), 3, size, size), self.shade)

    def masks(self, indices: list[int], size: int) -> torch.Tensor:
        return torch.zeros(len(indices), size, size, dtype=torch.int64)


def test_drawn_images_are_told_apart_by_their_pixels() -> None:
    """A seed names an image, and another version of the code may draw another one from it."""
    plan = Plan("drawn", ("pixels",), ("linear",), shots=(1,), draws=1, size=8)

    def data(shade: float) -> str:
        dataset = Dataset("drawn", ("a", "b"), lambda: Splits(Drawn(shade), Drawn(shade)))
        return SegmentationTask.open(dataset, plan).data

    assert data(0.5) == data(0.5)
    assert data(0.5) != data(0.5 + 1 / 255)


def test_what_is_crossed_is_no_content(data: Path) -> None:
    """More backbones and draws see the same images."""
    task = opened(data)
    assert task.of(replace(task.plan, backbones=("pixels", "vae"), draws=3)).data == task.data
