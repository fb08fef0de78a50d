"""`partbench submit` on the command line: what it shows, what it writes, what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


@pytest.fixture
def run(drawn_run: Callable[..., Path]) -> Path:
    """A run beside an empty board."""
    Path("board/submissions").mkdir(parents=True)
    return drawn_run(Path("run"), {"jigsaw": 0.7, "copy": 0.3})


def files() -> list[str]:
    return sorted(path.as_posix() for path in Path("board").rglob("*") if path.is_file())


def test_a_dry_run_writes_nothing(run: Path, call: Call) -> None:
    """It shows every file with its bytes, within the width of the terminal, and what is to be written is the same."""
    code, out, _ = call("submit", run, "--to", "board", "--by", "alice", "--dry-run")
    assert (code, files()) == (0, [])
    assert max(map(len, out.splitlines()[:-1])) <= 80
    told = json.loads(call("submit", run, "--to", "board", "--by", "alice", "--dry-run", "--json").out)
    assert (told["written"], files()) == (False, [])
    call("submit", run, "--to", "board", "--by", "alice")
    sizes = {path: size for one in told["submissions"] for path, size in one["files"].items()}
    assert {f"board/{path}" for path in sizes} == {*files()}
    assert all(Path("board", path).stat().st_size == size for path, size in sizes.items())
    assert [one["cells"] for one in told["submissions"]] == [4, 4]


def test_nothing_that_is_there_is_touched(run: Path, call: Call, drawn_run: Callable[..., Path]) -> None:
    """The same run once more adds nothing; another of the same day under the same name is refused."""
    call("submit", run, "--to", "board", "--by", "alice")
    before = {path: Path(path).stat().st_mtime_ns for path in files()}
    assert call("submit", run, "--to", "board", "--by", "alice").code == 0
    other = drawn_run(Path("other"), {"jigsaw": 0.9})
    assert call("submit", other, "--to", "board", "--by", "alice").code == 2
    assert {path: Path(path).stat().st_mtime_ns for path in files()} == before
    assert call("submit", other, "--to", "board", "--by", "bob").code == 0
    assert len(files()) == len(before) + 3


@pytest.mark.parametrize("by", ["Alice", "a b", "-a", "../a", "a" * 40])
def test_a_submitter_has_a_name_of_a_forge(run: Path, call: Call, by: str) -> None:
    """Which is a part of a path."""
    assert (call("submit", run, "--to", "board", f"--by={by}").code, files()) == (2, [])
