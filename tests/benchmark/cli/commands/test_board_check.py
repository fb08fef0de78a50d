"""`partbench board check` on the command line: exit codes, JSON, the summary, and what it does without."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


@pytest.fixture
def boards(drawn_run: Callable[..., Path], call: Call) -> Path:
    """The board `main`, and `board`, to which a submission was added."""
    Path("main/submissions").mkdir(parents=True)
    call("submit", drawn_run(Path("run"), {"jigsaw": 0.7}), "--to", "main", "--by", "alice")
    shutil.copytree("main", "board")
    call("submit", drawn_run(Path("other"), {"vae": 0.6}), "--to", "board", "--by", "bob")
    return Path("board")


def test_exit_codes(boards: Path, call: Call) -> None:
    """0: nothing is refused; 1: something is; 2: the command is mistaken."""
    assert call("board", "check", boards, "--against", "main").code == 0
    assert call("board", "check", "main", "--against", "main").code == 0
    (boards / "submissions" / "face.png").write_bytes(b"png")
    assert call("board", "check", boards, "--against", "main").code == 1
    assert call("board", "check", "run").code == 2
    assert call("board", "check", boards, "--against", "run").code == 2


def test_json_says_what_was_checked(boards: Path, call: Call) -> None:
    """With the path and the sentence of every fault."""
    told = json.loads(call("board", "check", boards, "--against", "main", "--json").out)
    assert (told["submissions"], told["cells"], told["refused"], told["to see to"]) == (2, 4, [], [])
    assert [path.split("/")[3].partition("@")[0] for path in told["checked"]] == ["vae"]
    (boards / "submissions" / "face.png").write_bytes(b"png")
    told = json.loads(call("board", "check", boards, "--json").out)
    assert [fault["path"] for fault in told["refused"]] == ["submissions/face.png"]


def test_the_summary_has_the_comparisons(boards: Path, call: Call) -> None:
    """As Markdown, behind what other steps wrote."""
    Path("summary.md").write_text("# before\n")
    call("board", "check", boards, "--against", "main", "--summary", "summary.md")
    text = Path("summary.md").read_text()
    assert text.startswith("# before\n")
    assert "| jigsaw (alice, 2026-11-02) |" in text


def test_nothing_heavy_is_imported(boards: Path) -> None:
    """The check of a pull request needs neither torch nor what only reports need."""
    code = (
        "import sys; from partbench.benchmark.cli.main import main\n"
        f"sys.argv = ['partbench', 'board', 'check', {str(boards)!r}]\n"
        "try: main()\nexcept SystemExit as stop: assert not stop.code\n"
        "print(*({'torch', 'timm', 'torchvision', 'jinja2', 'matplotlib'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""
