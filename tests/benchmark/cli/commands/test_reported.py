"""Under a leaderboard stand the scores that papers report on the same images, and in no table of ranks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from partbench.benchmark.plan import Cell, Plan
from partbench.benchmark.report.build import make
from partbench.benchmark.report.run_data import gather
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder
from partbench.datasets.celebamask_hq.parts import GROUPINGS

Call = Callable[..., Any]
CLASSES = GROUPINGS["paper10"].classes


def made(path: Path, dataset: str, data: str) -> Path:
    """A run of one cell whose counts are made up."""
    folder = RunFolder(path)
    folder.write_plan(Plan(dataset, ("pixels",), ("linear",), (1,), 1, size=16), {"data": data})
    confusion = np.random.default_rng(0).integers(1, 9, (4, len(CLASSES), len(CLASSES)))
    folder.write(CellResult(Cell("pixels", "linear", 1, 0), CLASSES, (), None, confusion, {"data": data}))
    return folder.path


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A run on photographs of faces that was never computed."""
    return made(tmp_path / "faces", "celebamask-hq:/data/CelebAMask-HQ", "abc")


def test_they_stand_under_the_leaderboard_with_their_definitions(call: Call, faces: Path) -> None:
    """Method, shots, score and source, then what each metric is; and that they are not ranked."""
    said = call("leaderboard", faces).out
    below = said[said.index("Reported elsewhere, IoU, %") :]
    assert "SLiMe" in below and "75.7\u00b10.4" in below and "85.2" in below
    assert "image_mean: IoU of each image that shows a part" in below
    assert "never ranked with them" in below
    assert "SLiMe" not in said[: said.index("Reported elsewhere")]


def test_programs_get_the_scores_of_the_run_alone(call: Call, faces: Path) -> None:
    """No row of a paper is among them, in any format."""
    rows = json.loads(call("leaderboard", faces, "--format", "json").out)
    assert [row["backbone"] for row in rows] == ["pixels"]
    assert "SLiMe" not in call("leaderboard", faces, "--format", "csv").out


def test_other_images_have_none(call: Call, tmp_path: Path, faces: Path) -> None:
    """Drawn faces have the same ten classes, and no paper has seen them; beside photographs they stay without, too."""
    drawn = made(tmp_path / "drawn", "faces", "def")
    assert "Reported" not in call("leaderboard", drawn).out
    assert call("leaderboard", drawn, faces).out.count("Reported elsewhere") == 1


def test_the_page_has_them_apart(faces: Path, tmp_path: Path) -> None:
    """In a section of their own, with the address as text: the page loads nothing."""
    page = make(gather(faces, ("mean",)), tmp_path / "report").page.read_text()
    section = page[page.index('id="reported"') : page.index('id="shots"')]
    assert "SegDDPM" in section and "https://arxiv.org/abs/2309.03179" in section and "href" not in section
    assert "never ranked" in section
    drawn = make(gather(made(tmp_path / "drawn", "faces", "def"), ("mean",)), tmp_path / "other").page.read_text()
    assert 'id="reported"' not in drawn
