"""The tests lie in the rooms of what they test."""

from __future__ import annotations

from pathlib import Path

import partbench

TESTS = Path(__file__).parents[1]
OF_THE_WHOLE = {"repository", "benchmarks"}
"""Folders of tests that belong to no room."""
WORDING = Path("benchmark/test_wording.py")


def test_every_test_file_has_its_module_or_folder() -> None:
    """`tests/X/test_Y.py` tests the module or folder `X/Y`; but for the wording, which is that of every room."""
    package = Path(partbench.__file__).parent
    files = {path.relative_to(TESTS) for path in TESTS.rglob("test_*.py")} - {WORDING}
    tested = {path.with_name(path.stem.removeprefix("test_")) for path in files if path.parts[0] not in OF_THE_WHOLE}
    assert len(tested) > 50
    strays = {p for p in tested if not ((package / p).is_dir() or (package / p).with_suffix(".py").is_file())}
    assert not strays, f"no module or folder is called {', '.join(map(str, sorted(strays)))}"


def test_no_module_of_tests_is_forgotten() -> None:
    """A file with tests is called `test_*.py`, or pytest would not run it; the others have what tests share."""
    others = {path.relative_to(TESTS) for path in TESTS.rglob("*.py") if not path.name.startswith("test_")}
    assert others == {Path("conftest.py"), Path("forks.py")}
