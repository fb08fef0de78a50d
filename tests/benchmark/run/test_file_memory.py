"""What an image came to is remembered as long as its files do not change; the rest is looked at again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from partbench.benchmark import file_hashes
from partbench.benchmark.plan import Plan
from partbench.benchmark.run import near_duplicates
from partbench.benchmark.run.contamination import run_guards
from partbench.benchmark.run.file_memory import FileMemory
from partbench.benchmark.run.task import SegmentationTask
from partbench.datasets.folder import open_folder


@pytest.fixture(autouse=True, scope="module")
def remembered() -> Iterator[None]:
    """At once, and not after two seconds in which nobody wrote."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_hashes, "FRESH", 0.0)
        yield


class Files:
    """Images that are files with a number in them."""

    def __init__(self, folder: Path, numbers: list[int]) -> None:
        self.paths = [folder / f"{i}.txt" for i in range(len(numbers))]
        for path, number in zip(self.paths, numbers, strict=True):
            path.write_text(str(number))

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return self.paths[index].stem

    def files(self, index: int, /) -> tuple[Path, ...]:
        return (self.paths[index],)


def read(split: Files, memory: FileMemory, step: int) -> tuple[list[str], list[int], list[int]]:
    """What all images came to, those that were looked at, and what was reported."""
    looked: list[int] = []
    reported: list[int] = []

    def look(rows: list[int]) -> list[tuple[str]]:
        assert len(rows) <= step
        looked.extend(rows)
        return [(split.paths[row].read_text(),) for row in rows]

    rows = range(len(split))
    found = memory.of(split, [rows[i : i + step] for i in range(0, len(rows), step)], look, reported.append)  # type: ignore[arg-type]
    return [one for (one,) in found], looked, reported


@given(st.lists(st.integers(0, 9), min_size=1, max_size=7), st.integers(1, 3), st.sets(st.integers(0, 6)))
def test_only_what_changed_is_looked_at(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], step: int, changed: set[int]
) -> None:
    """Whatever changes, and however many are looked at together, the answer is that of looking at all."""
    folder = tmp_path_factory.mktemp("files")
    split, memory = Files(folder, numbers), FileMemory(str(folder))
    assert read(split, memory, step)[:2] == ([*map(str, numbers)], [*range(len(numbers))])
    changed &= {*range(len(numbers))}
    for row in changed:
        split.paths[row].write_text(f"{numbers[row]}!")
    found, looked, reported = read(split, memory, step)
    assert found == [f"{n}{'!' * (i in changed)}" for i, n in enumerate(numbers)]
    assert looked == sorted(changed) and sum(reported) == len(numbers) and reported[0] == len(numbers) - len(changed)


def test_other_words_remember_apart(tmp_path: Path) -> None:
    """Another fit, or another thing that is looked for, is looked at anew."""
    split = Files(tmp_path, [1, 2])
    for words in ("faces pad", "faces crop"):
        assert read(split, FileMemory(words), 2)[1] == [0, 1]
        assert read(split, FileMemory(words), 2)[1] == []


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six noisy pictures that are higher than wide, with masks of two classes."""
    folder, random = tmp_path / "data", np.random.default_rng(0)
    for i in range(6):
        for name, shape in (("images", (24, 16, 3)), ("masks", (24, 16))):
            (folder / name).mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 255 if name == "images" else 2, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    (folder / "classes.json").write_text('{"classes": ["background", "eye"]}')
    return folder


def test_guards_hash_an_image_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It and its mirror image, and in a second folder nothing; a picture that changed is hashed again."""
    hashed: list[int] = []
    hashes = near_duplicates.perceptual_hash
    monkeypatch.setattr(near_duplicates, "perceptual_hash", lambda some: hashed.append(len(some)) or hashes(some))
    plan = Plan(f"folder:{data}", ("pixels",), ("linear",), shots=(1,), draws=1, size=16)
    first, second = (
        run_guards(tmp_path / run, SegmentationTask.open(open_folder(str(data)), plan), {}) for run in ("one", "two")
    )
    assert (sum(hashed), first) == (2 * 6, second)
    name = next(iter(first.hashes))
    Image.fromarray(np.zeros((24, 16, 3), np.uint8)).save(data / "images" / f"{name}.png")
    changed = run_guards(tmp_path / "three", SegmentationTask.open(open_folder(str(data)), plan), {})
    assert sum(hashed) == 2 * 7
    assert [one for one in first.hashes if changed.hashes[one] != first.hashes[one]] == [name]
