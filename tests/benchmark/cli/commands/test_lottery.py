"""`partbench lottery`: how much of a score is the choice of the shots, and which shots."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from partbench.benchmark.gallery import (
    DRAWS_SHOWN,
    SHOTS_FILE,
    ShotPictures,
    first_shots,
    keep_shots,
    read_shots,
    shot_sheet,
)
from partbench.benchmark.metrics.lottery import (
    luck_of,
)
from partbench.benchmark.pictures import GAP, TILE
from partbench.benchmark.plan import COPY, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.run_folder import RunFolder
from partbench.benchmark.scores.leaderboard import by_backbone, estimates
from partbench.benchmark.shots import ShotDraws

PLAN = Plan("faces", ("vae", "pixels", COPY), ("linear", "cnn-s"), shots=(1, 2), draws=4, size=8)


SHOTS = (("e.png", "a.png"), ("b.png", "c.png"), ("c.png", "a.png"), ("d.png", "b.png"))


LUCK = (0, 90, 30, 60)
"""What the shots of a draw add, in pixels per class."""


Call = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was never computed; its draws differ by their luck, for all backbones alike."""
    folder = RunFolder(tmp_path / "run")
    folder.write_plan(PLAN, {"data": "abc", "shots": SHOTS})
    manifest = ShotDraws(((),) * 4, SHOTS)
    for cell in PLAN.cells():
        random = np.random.default_rng([cell.draw, cell.shots, PLAN.backbones.index(cell.backbone)])
        right = 30 + LUCK[cell.draw] + 5 * PLAN.backbones.index(cell.backbone)
        confusion = random.integers(0, 9, (6, 3, 3)) + right * np.eye(3, dtype=np.int64)
        facts = {"data": "abc", "shots": manifest.seen(cell.draw, cell.shots)}
        folder.write(CellResult(cell, ("ground", "hair", "skin"), (), None, confusion, facts))
    return folder.path


def keep(run: Path, count: int = 1) -> ShotPictures:
    """Pictures of the first shots, each in a grey of its own."""
    names = first_shots(SHOTS, count)
    images = np.linspace(0, 1, len(names)).reshape(-1, 1, 1, 1) * np.ones((1, 3, 8, 8))
    shots = ShotPictures.of(names, images, np.arange(len(names)).reshape(-1, 1, 1) * np.ones((1, 8, 8), dtype=np.int64))
    keep_shots(run, shots)
    return shots


def test_a_lottery_is_told(call: Call, run: Path) -> None:
    """Within 80 columns: luck by backbone, the shots by name, agreement, and how many draws are needed."""
    code, out, err = call("lottery", run)
    assert (code, err) == (0, "")
    assert "faces: lottery of 1 shot, mean IoU, %; 4 draws x 6 images, mean over heads" in out
    told = " ".join(out.split())
    assert "mean over backbones: b.png gives " in told
    assert "the backbones agree on which draw is good (Kendall's W " in told
    assert max(map(len, out.splitlines())) <= 80
    rows = {
        line.split()[0]: line.split()[1:3] for line in out.splitlines() if "b.png" in line and " gives " not in line
    }
    assert rows == {name: ["b.png", "e.png"] for name in ("vae", "pixels", COPY, "(all)")}


def test_best_and_worst_shots_are_shown(call: Call, run: Path, tmp_path: Path) -> None:
    """A column per draw, the best first, the image above its mask; of two shots those that are kept."""
    keep(run)
    for shots in (1, 2):
        code, out, _ = call("lottery", run, "--out", tmp_path / "out", "--shots", shots)
        path = tmp_path / "out" / f"{shots}-shot-mean.png"
        assert (code, f"picture: {path}" in out) == (0, True)
        with Image.open(path) as image:
            left = image.width - 4 * (TILE + GAP)
            greys = [image.getpixel((left + i * (TILE + GAP) + 9, 60)) for i in range(4)]
    # The names are kept in the order e, b, c, d; the best draw is that of b, then d, c, e.
    assert greys == [(grey,) * 3 for grey in (85, 255, 170, 0)]


def test_without_pictures_the_numbers_are_told(call: Call, run: Path, tmp_path: Path) -> None:
    """A run that kept none, or whose file is damaged, says so on stderr."""
    for _ in range(2):
        code, out, err = call("lottery", run, "--out", tmp_path / "out")
        assert code == 0
        assert "picture" not in out
        assert str(run) in err and err.count("\n") == 1
        keep(run)
        (run / SHOTS_FILE).write_bytes((run / SHOTS_FILE).read_bytes()[:99])


def test_of_many_draws_the_best_and_the_worst_are_shown(run: Path) -> None:
    """Four of each; what has no picture of its first shot has no sheet."""
    shots = keep(run)
    names = {draw: SHOTS[draw % 4][:1] for draw in range(20)}
    sheet = shot_sheet(shots, names, {draw: 100.0 - draw for draw in range(20)})
    assert sheet is not None
    assert 2 * DRAWS_SHOWN * (TILE + GAP) < sheet.width < (2 * DRAWS_SHOWN + 1) * (TILE + GAP)
    assert shot_sheet(shots, {0: ("z.png",)}, {0: 1.0}) is None


def test_pictures_are_kept_as_they_are(run: Path) -> None:
    """Read again they are the same; a file of anything else is no picture."""
    shots, known = keep(run, 2), read_shots(run)
    assert known is not None
    assert known.names == shots.names == ("e.png", "a.png", "b.png", "c.png", "d.png")
    assert np.array_equal(known.images, shots.images)
    assert np.array_equal(known.masks, shots.masks)
    with (run / SHOTS_FILE).open("wb") as file:
        np.savez(file, names=np.array(["a"]), images=np.zeros((2, 8, 8, 3)), masks=np.zeros((2, 8, 8)))
    assert read_shots(run) is None


def test_a_run_keeps_the_shots_that_its_draws_begin_with(call: Call, tmp_path: Path) -> None:
    """Images and masks at the size that is scored; more draws add theirs, and what is kept is not read again."""
    out, tiny = tmp_path / "run", ("--head", "linear", "--test", "2", "--pool", "6", "--size", "16", "--shots", "2,3")
    for draws in (2, 4):
        code, _, err = call("run", "--backbone", COPY, *tiny, "--draws", draws, "--out", out)
        assert (code, err) == (0, "")
        kept, before = read_shots(out), (out / SHOTS_FILE).stat()
        assert kept is not None
        assert list(kept.names) == first_shots(RunFolder(out).read_shots(), 2)
        assert kept.images.shape == (*kept.masks.shape, 3) == (len(kept.names), 16, 16, 3)
        assert kept.images.std() > 10
        assert len(np.unique(kept.masks)) > 2
        call("run", "--backbone", COPY, *tiny, "--draws", draws, "--out", out)
        assert (out / SHOTS_FILE).stat().st_ino == before.st_ino


def test_other_names_than_were_seen_are_set_aside(call: Call, run: Path) -> None:
    """A plan that was edited by hand names no shots."""
    RunFolder(run).write_plan(PLAN, {"data": "abc", "shots": [("z.png", "a.png"), *SHOTS[1:]]})
    _, out, err = call("lottery", run)
    assert "plan.json" in err and "draw 0" in err and err.count("\n") == 1
    assert "b.png gives" in " ".join(out.split())
    assert "z.png" not in out
    RunFolder(run).write_plan(PLAN, {"data": "abc", "shots": 7})
    assert "draw 1 gives" in " ".join(call("lottery", run)[1].split())


def test_a_backbone_without_two_draws_is_set_aside(call: Call, run: Path) -> None:
    """It is named, and the lottery is that of the others."""
    for cell in PLAN.cells():
        if cell.backbone == "vae" and cell.head == "linear" and cell.draw:
            RunFolder(run).write(CellResult(cell, ("a",), error="it broke"))
    _, out, err = call("lottery", run, "--json")
    assert err.splitlines()[-1].startswith("set aside: vae, without a number or with a single draw")
    assert [row["backbone"] for row in json.loads(out)["backbones"]] == [COPY, "pixels"]


def test_a_lottery_can_be_read_by_programs(call: Call, run: Path) -> None:
    """The same numbers; draws from the best to the worst, with their shots."""
    found = json.loads(call("lottery", run, "--json", "--metric", "paper_weighted")[1])
    assert (found["metric"], found["shots"], found["images"]) == ("paper_weighted", 1, 6)
    assert [row["draw"] for row in found["draws"]] == [1, 3, 2, 0]
    assert [row["shots"] for row in found["draws"]] == [["b.png"], ["d.png"], ["c.png"], ["e.png"]]
    assert [row["backbone"] for row in found["backbones"]] == [COPY, "pixels", "vae"]
    assert [(row["best"], row["worst"]) for row in found["backbones"]] == [(1, 0)] * 3
    known = by_backbone(estimates(RunFolder(run).results()[0], "paper_weighted"), 1)
    for row in found["backbones"]:
        assert row["share"] == pytest.approx(luck_of(known[row["backbone"]]).share, abs=1e-4)
        assert row["share"] > 0.8
    assert found["overall"]["spread"] == pytest.approx(
        found["draws"][0]["score"] - found["draws"][-1]["score"], abs=2e-4
    )
    assert found["agreement"]["w"] > 0.9
    assert list(found["growth"]) == ["1", "2"]
    assert found["picture"] is None
    other = json.loads(call("lottery", run, "--json", "--shots", "2")[1])
    assert other["draws"][0]["shots"] == ["b.png", "c.png"]
