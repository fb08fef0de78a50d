"""The leaderboard as a table of 80 columns."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

from partbench.benchmark.plan import COPY, Plan
from partbench.benchmark.results import CellResult
from partbench.benchmark.scores.leaderboard import Leaderboard, estimates, places
from partbench.benchmark.scores.leaderboard_tables import rich_score_table

SIX = ("linear", "mlp-1", "mlp-2", "cnn-s", "cnn-m", "cnn-l")


TABLE_WIDTH = 80


def crossing_text(backbones: tuple[str, ...]) -> str:
    """The default crossing with long scores, as an 80-column terminal shows it."""
    plan = Plan("faces", backbones, SIX, shots=(1, 5, 10), draws=3)
    random = np.random.default_rng(1)
    results = [
        CellResult(cell, ("a", "b"), confusion=np.array([[[n, 100 - n], [100 - n, n]], [[n, 9], [9, n]]]))
        for cell in plan.cells()
        for n in (random.integers(30, 90),)
    ]
    console = Console(width=TABLE_WIDTH, file=io.StringIO(), force_terminal=False)
    console.print(
        rich_score_table(Leaderboard(results).summarise(["mean"]), "mean", places(estimates(results, "mean")))
    )
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_default_crossing_fits_a_terminal() -> None:
    """Ten backbones and six heads with their intervals take 80 columns, a line each, and nothing is cut off."""
    paper = ("stylegan2", "vae", "jigsaw", "pix2pix-color", "pix2pix-hed", "pix2pix-bilateral")
    backbones = (*paper, "position", "pixels", COPY, "random:stylegan2")
    text = crossing_text(backbones)
    lines = [line for line in text.splitlines() if line.strip()]
    assert "…" not in text
    assert len(lines) == 2 + 3 * (1 + len(backbones))
    assert all(len(line.split()) == 2 + len(SIX) for line in lines if line.split()[0] in backbones)


def test_a_long_name_is_folded_not_cut() -> None:
    """A path as a name makes a row higher, and every letter and score is there."""
    text = crossing_text(("stylegan2@weights/of/some/cats.safetensors", "pixels"))
    assert "…" not in text
    assert "".join(line.split()[0] for line in text.splitlines() if line.strip() and "shot" not in line)
