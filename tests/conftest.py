"""What every test shares."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

# Deadlines are about the machine, not the code; in CI the examples are the same every time; no folder is left behind.
settings.register_profile("partbench", deadline=None, database=None, derandomize="CI" in os.environ)
settings.load_profile("partbench")
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "partbench-hypothesis")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The sources; a test that reads them is skipped where only the wheel is."""
    root = Path(__file__).parents[1]
    if not (root / "setup.cfg").is_file():
        pytest.skip("the sources are not here: these tests run on an installed wheel")
    return root


@pytest.fixture(autouse=True)
def codes_in_a_folder_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads what another, or the user, has inverted."""
    monkeypatch.setenv("PARTBENCH_CACHE", str(tmp_path / "cache"))
