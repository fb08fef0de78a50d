"""Every image and mask of a run is looked at before anything is computed, and exit codes say how it went."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from partbench.benchmark.plan import Plan
from partbench.benchmark.run.inspection import count, inspect
from partbench.benchmark.run.task import SegmentationTask
from partbench.datasets.dataset import Dataset, DatasetError, Splits

Call = Callable[..., Any]


class Strange:
    """A stranger's split, which cannot be inspected: some images cannot be read, some masks hold what is no class."""

    def __init__(self, broken: Sequence[int] = (), wrong: Sequence[int] = (), count: int = 6) -> None:
        self.broken, self.wrong, self.count = broken, wrong, count

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"image {index}"

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        for index in indices:
            if index in self.broken:
                raise DatasetError(f"image {index} is broken; mend it")
        return torch.zeros(len(indices), 3, size, size)

    def masks(self, indices: Sequence[int], size: int) -> Tensor:
        masks = torch.zeros(len(indices), size, size, dtype=torch.int64)
        for mask, index in zip(masks, indices, strict=True):
            mask[0, 0] = 7 if index in self.wrong else 255
        return masks


class Faulty(Strange):
    """One that raises what it likes, or would end the program."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def images(self, indices: Sequence[int], size: int) -> Tensor:
        raise self.error


def task_of(pool: Strange, test: Strange, unlabelled: Strange | None = None) -> SegmentationTask:
    plan = Plan("strange", ("pixels",), ("linear",), shots=(1,), draws=1, size=8, pool=4, test=5)
    splits = Splits(pool, test, unlabelled=unlabelled)
    return SegmentationTask.open(Dataset("strange", ("a", "b"), lambda: splits), plan)


def test_what_the_run_reads_is_looked_at_and_counted() -> None:
    """Pool, test and the unlabelled images that give the scale; what lies beyond is not of this run."""
    task, told = task_of(Strange(broken=[4]), Strange(wrong=[5]), Strange(broken=[16], count=20)), []
    assert inspect(task, lambda: told.append(1)) == ()
    assert len(told) == count(task) == 4 + 5 + 16


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ((Strange(broken=[1]), Strange()), r"^image 1 is broken; mend it$"),
        (
            (Strange(), Strange(broken=[0, 2])),
            r"^image 0 .*; mend it \(1 more images .* fault: image 2 is broken; mend it\)$",
        ),
        ((Strange(), Strange(broken=[0, 1, 2, 3])), r"\(3 more images .*: image 1 .*; image 2 .*; and 1 more\)$"),
        ((Strange(), Strange(), Strange(broken=[15], count=20)), r"^image 15 is broken"),
        (
            (Strange(wrong=[2]), Strange()),
            r"^the mask of 'image 2' of strange holds 7, and its classes go from 0 to 1; ",
        ),
    ],
)
def test_every_fault_is_named(splits: tuple[Strange, ...], message: str) -> None:
    """The first in a sentence, the others behind it."""
    with pytest.raises(DatasetError, match=message):
        inspect(task_of(*splits))


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError("no disk"), r"OSError: no disk"), (SystemExit(0), r"strange calls sys.exit\(0\); let it raise an error")],
)
def test_whatever_a_split_raises_is_its_own_fault(error: BaseException, reason: str) -> None:
    """In a sentence with the image, the dataset and the reason."""
    with pytest.raises(DatasetError, match=rf"^'image 0' of strange cannot be read \({reason}.*\); mend or replace it"):
        inspect(task_of(Strange(), Faulty(error)))


@pytest.fixture
def cats(tmp_path: Path) -> Path:
    """A folder of four photographs with masks, two of them for testing."""
    folder, random = tmp_path / "cats", np.random.default_rng(0)
    for place in ("images", "masks"):
        (folder / place).mkdir(parents=True)
    for name in "abcd":
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / "images" / f"{name}.jpg")
        Image.fromarray((np.indices((32, 32))[0] > 15).astype(np.uint8)).save(folder / "masks" / f"{name}.png")
    (folder / "classes.json").write_text(json.dumps({"classes": ["background", "cat"]}))
    (folder / "splits.json").write_text(json.dumps({"pool": ["a", "b"], "test": ["c", "d"]}))
    return folder


def run(call: Call, folder: Path, *more: object) -> Any:
    options = ("--head", "linear", "--shots", "1", "--draws", "1", "--size", "16", "--device", "cpu")
    backbones = () if "--backbone" in more else ("--backbone", "copy")
    return call("run", "--dataset", f"folder:{folder}", *backbones, *options, "--out", folder / "run", *more)


def test_a_photograph_that_is_cut_short_stops_the_run_before_it_begins(call: Call, cats: Path) -> None:
    """Of the test split as of the pool: nothing is written, and the exit code is that of what must be mended."""
    for name in "ad":
        whole = (cats / "images" / f"{name}.jpg").read_bytes()
        (cats / "images" / f"{name}.jpg").write_bytes(whole[:-30])
        answer = run(call, cats)
        assert answer.code == 2
        assert f"images/{name}.jpg cannot be read as a picture" in answer.err
        assert answer.err.count("\n") == 1
        assert not list((cats / "run").glob("*.json"))
        (cats / "images" / f"{name}.jpg").write_bytes(whole)
    assert run(call, cats).code == 0


def test_what_is_left_out_is_said_by_run_and_plan(call: Call, cats: Path) -> None:
    """A line for what is not read, and one for the ignored value that nobody declared."""
    Image.new("RGB", (4, 4)).save(cats / "images" / "e.bmp")
    labels = np.asarray(Image.open(cats / "masks" / "a.png")).copy()
    labels[0] = 255
    Image.fromarray(labels).save(cats / "masks" / "a.png")
    for answer in (run(call, cats), call("plan", "--dataset", f"folder:{cats}", "--backbone", "copy", "--shots", "1")):
        said = answer.out + answer.err
        assert "images: 5 images, 4 read; 1 left out: .bmp 1" in said
        assert "255 is ignored, 0.8% of the pixels, in 1 of 4 masks; classes.json does not say" in said


def test_the_exit_code_says_whether_all_cells_have_a_score(call: Call, cats: Path, tmp_path: Path) -> None:
    """0 for all, 1 for some, 2 for none, as JSON too."""
    (tmp_path / "partbench_plugins.py").write_text(
        "import partbench\nfrom partbench.backbones.backbone import Backbone\n"
        "def fail():\n    raise OSError('no weights')\n"
        "@partbench.hookimpl\ndef partbench_backbones():\n    yield Backbone('broken', 16, (3,), fail)\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert run(call, cats, "--backbone", "copy").code == 0
        some = run(call, cats, "--backbone", "copy", "--backbone", "broken")
        assert some.code == 1
        assert "1 of 2 cells failed" in some.out
        assert run(call, cats, "--backbone", "copy", "--backbone", "broken", "--json").code == 1
        none = run(call, cats, "--backbone", "broken")
        assert none.code == 2
        assert "no cell of" in none.err
