"""A new board takes submissions, and checks them with nothing of a pull request but its data."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from partbench.benchmark.board.board_template import FILES, texts, write_board
from partbench.benchmark.board.check import check_board
from partbench.benchmark.board.layout import BoardError

Call = Callable[..., Any]
CC0 = "a2010f343487d3f7618affe54f789f5487602331c0a8d03f49e9a7c547cf0499"
"""SHA-256 of the legal code as Creative Commons publish it."""


def workflow(name: str) -> dict[str, Any]:
    text = texts()[f".github/workflows/{name}.yml"].replace("\non:", "\n'on':")  # which YAML 1.1 takes for true
    record: dict[str, Any] = yaml.safe_load(text)
    return record


def steps(name: str, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workflow(name)["jobs"][job]["steps"]
    return found


def test_a_new_board_is_whole(tmp_path: Path) -> None:
    """Every file has a template and every template a file; nothing is left to fill in but the keeper's name."""
    assert {*write_board(tmp_path / "board")} == {*FILES}
    assert all((tmp_path / "board" / path).read_text() == text for path, text in texts().items())
    assert not any("@VERSION@" in text for text in texts().values())
    assert hashlib.sha256((tmp_path / "board" / "LICENSE").read_bytes()).hexdigest() == CC0


def test_nothing_that_is_there_is_touched(tmp_path: Path) -> None:
    """An empty repository is filled, another folder is refused."""
    (tmp_path / ".git").mkdir()
    write_board(tmp_path)
    with pytest.raises(BoardError):
        write_board(tmp_path)


def test_a_pull_request_is_only_read() -> None:
    """No secret, no token that writes, no credentials left on disk, and what runs is what main says."""
    check = workflow("check")
    assert check["on"] == "pull_request"
    assert check["permissions"] == {"contents": "read"}
    assert "secrets" not in texts()[".github/workflows/check.yml"]
    checkouts = [step for step in steps("check", "check") if "checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    runs = [step["run"] for step in steps("check", "check") if "run" in step]
    assert not any("proposed" in run for run in runs if "pip" in run)
    assert all(re.fullmatch(r"[\w./ =$\"-]+", run) for run in runs)  # no expression of a pull request is a command


def test_only_the_deployment_may_write() -> None:
    """And it runs none of our code."""
    site = workflow("site")
    assert site["permissions"] == {"contents": "read"}
    assert site["jobs"]["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert not any("run" in step for step in steps("site", "deploy"))
    assert any("board check" in step.get("run", "") for step in steps("site", "build"))


def test_what_ci_runs_passes_on_a_new_board(call: Call, drawn_run: Callable[..., Path]) -> None:
    """Submit to a new board, check it against the one before, as the workflow does."""
    assert call("board", "new", "main").code == 0
    assert call("board", "new", "proposed").code == 0
    call("submit", drawn_run(Path("run"), {"jigsaw": 0.7}), "--to", "proposed", "--by", "alice")
    [command] = [step["run"] for step in steps("check", "check") if "board check" in step.get("run", "")]
    arguments = command.replace('"$GITHUB_STEP_SUMMARY"', "summary.md").split()[1:]
    assert call(*arguments).code == 0
    assert Path("summary.md").read_text().startswith("## checked")


def test_the_example_is_a_new_board_with_a_run(repository: Path) -> None:
    """Its files are those of the template, whatever version wrote them, and every submission passes the check."""
    example, release = repository / "examples" / "board", re.compile(r"partbench==\S+")
    for path, text in texts().items():
        assert release.sub("", (example / path).read_text()) == release.sub("", text), path
    found = check_board(example)
    assert (found.problems, found.submissions, found.cells) == ([], 11, 615)


@pytest.mark.parametrize("verb", ["check", "site"])
def test_a_board_needs_no_more_than_it_installs(verb: str, call: Call, drawn_run: Callable[..., Path]) -> None:
    """The requirements of its workflows are enough: nothing else that partbench depends on is imported."""
    call("board", "new", "board")
    call("submit", drawn_run(Path("run"), {"jigsaw": 0.7}), "--to", "board", "--by", "alice")
    code = (
        "import sys\n"
        "absent = 'torch torchvision timm PIL safetensors huggingface_hub filelock matplotlib'\n"
        "for name in absent.split():\n"
        "    sys.modules[name] = None\n"
        "from partbench.benchmark.cli.main import main\n"
        f"sys.argv = ['partbench', 'board', {verb!r}, 'board']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
