"""A plugin that partbench writes is whole: it can be installed, is offered, and keeps its contract."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partbench.backbones.checks import CHECKS as BACKBONE_CHECKS
from partbench.benchmark.plugins.catalogue import load_catalogue
from partbench.benchmark.plugins.scaffold import NOUNS, Scaffold, ScaffoldError
from partbench.datasets.checks import CHECKS as DATASET_CHECKS
from partbench.heads.checks import CHECKS as HEAD_CHECKS

CHECKS: dict[str, tuple[Callable[[Any], None], ...]] = {
    "backbone": BACKBONE_CHECKS,
    "head": HEAD_CHECKS,
    "dataset": DATASET_CHECKS,
}


def offered(scaffold: Scaffold) -> Any:
    """The record of the written module."""
    module = types.ModuleType(scaffold.module)
    exec(scaffold.texts()[f"{scaffold.module}.py"], module.__dict__)
    (record,) = getattr(module, f"partbench_{scaffold.noun}s")()
    return record


@pytest.mark.parametrize(("noun", "check"), [(noun, check) for noun in NOUNS for check in CHECKS[noun]])
def test_what_is_written_keeps_its_contract(noun: str, check: Callable[[Any], None]) -> None:
    """Before anybody changes a line."""
    record = offered(Scaffold(noun, "my-own"))
    assert record.name == "my-own"
    check(record)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_package_is_whole(noun: str, tmp_path: Path) -> None:
    """Code, entry point, tests, README and a workflow, and nothing is left to fill in."""
    folder = Scaffold(noun, "my-own").write(tmp_path)
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "pyproject.toml",
        "README.md",
        ".github/workflows/test.yml",
        "partbench_my_own.py",
        "tests/test_partbench_my_own.py",
    }
    text = (folder / "pyproject.toml").read_text()
    assert 'name = "partbench-my-own"' in text
    assert '[project.entry-points.partbench]\nmy-own = "partbench_my_own"' in text
    assert not any("$" in path.read_text() for path in folder.rglob("*") if path.is_file())


def test_its_tests_are_found(tmp_path: Path) -> None:
    """pytest collects one per check, in the folder that was written."""
    folder = Scaffold("head", "my-own").write(tmp_path)
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "-q", "--collect-only", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(HEAD_CHECKS)} tests collected" in done.stdout


@pytest.mark.parametrize(
    ("noun", "name", "culprit"),
    [("metric", "mine", "metric"), ("head", "My Head", "My Head"), ("head", "../x", "../x")],
)
def test_what_cannot_be_written_is_refused(noun: str, name: str, culprit: str) -> None:
    """In one sentence, before a file is there."""
    with pytest.raises(ScaffoldError, match=f"'{culprit}'"):
        Scaffold(noun, name)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A folder of that name stays as it is."""
    (tmp_path / "partbench-mine").mkdir()
    with pytest.raises(ScaffoldError, match="partbench-mine"):
        Scaffold("head", "mine").write(tmp_path)


def test_a_file_in_the_working_folder_is_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`partbench_plugins.py` offers without any packaging; a broken one is one sentence, and others are there."""
    monkeypatch.delitem(sys.modules, "partbench_plugins", raising=False)
    file = tmp_path / "partbench_plugins.py"
    file.write_text(Scaffold("head", "mine").texts()["partbench_mine.py"])
    catalogue = load_catalogue()
    assert catalogue.heads["mine"].provider == "partbench_plugins.py"
    file.write_text("import nosuchlib")
    broken = load_catalogue()
    assert broken.problems == (
        "partbench_plugins.py cannot be imported (No module named 'nosuchlib'); "
        "install it, or leave it out with PARTBENCH_BLOCK=partbench_plugins",
    )
    assert "linear" in broken.heads
