"""A head that has not learnt is not scored as if it had: it is marked, counted, and no rank is taken from it."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from partbench.benchmark.plan import NO_HEAD, Cell
from partbench.benchmark.results import CellResult
from partbench.benchmark.scores.convergence import FACT, NOT_CONVERGED, ShotFit, sentences, unconverged
from partbench.benchmark.scores.leaderboard import Leaderboard, places, ranked, trusted_estimates
from partbench.benchmark.scores.leaderboard_tables import score_table

GOOD = ShotFit(steps=120, settled=True, loss=0.05, iou=0.8, constant=0.45, accuracy=0.97)
BAD = replace(GOOD, loss=0.35, iou=0.46, accuracy=0.9)
"""Of a head that predicts the most frequent class, whatever it is shown."""


def result(backbone: str, head: str, draw: int, right: int, fit: ShotFit | None = GOOD) -> CellResult:
    """Ten images of 100 pixels of two classes, of which about so many of each class are right."""
    random = np.random.default_rng([draw, right, *map(ord, backbone)])
    hits = np.clip(right + random.integers(-1, 2, (10, 2)), 0, 50)
    confusion = np.zeros((10, 2, 2), dtype=np.int64)
    for k in (0, 1):
        confusion[:, k, k], confusion[:, k, 1 - k] = hits[:, k], 50 - hits[:, k]
    facts = {} if fit is None else {FACT: asdict(fit)}
    return CellResult(Cell(backbone, head, 1, draw), ("ground", "part"), (), None, confusion, facts)


def crossing(bad: tuple[str, str, int] | None = None, fit: ShotFit = BAD) -> list[CellResult]:
    """Two backbones with two heads and three draws, and a control without heads; one cell with another fit."""
    rights = {("strong", "linear"): 45, ("weak", "linear"): 30, ("strong", "cnn"): 5, ("weak", "cnn"): 40}
    cells = [
        result(backbone, head, draw, right, fit if (backbone, head, draw) == bad else GOOD)
        for (backbone, head), right in rights.items()
        for draw in range(3)
    ]
    return cells + [replace(result("copy", NO_HEAD, draw, 20), provenance={}) for draw in range(3)]


@pytest.mark.parametrize(
    ("fit", "converged"),
    [
        (GOOD, True),
        (replace(GOOD, settled=None), True),
        (BAD, False),
        (replace(GOOD, settled=False), False),
        (replace(GOOD, settled=False, iou=0.95), True),
        (replace(GOOD, iou=float("nan"), constant=float("nan"), loss=0.0), False),
        (replace(GOOD, iou=1.0, constant=1.0), True),
        (replace(BAD, steps=0, settled=None), True),
    ],
    ids=[
        "fits",
        "fixed steps",
        "one class everywhere",
        "still falling",
        "falling but fits",
        "no label",
        "one class",
        "solved",
    ],
)
def test_converged_is_what_the_shots_say(fit: ShotFit, converged: bool) -> None:
    """It finds more than one class, and its loss has settled; or nothing is left to learn; or it was not trained."""
    assert fit.converged is converged


@pytest.mark.parametrize(
    ("iou", "steps", "behind"),
    [(0.78, 120, True), (0.79, 120, False), (0.46, 0, False)],
    ids=["a plateau", "nearly as far", "solved"],
)
def test_a_head_that_fits_worse_than_a_linear_one_rests_on_a_plateau(iou: float, steps: int, behind: bool) -> None:
    """Of 0.35 from one class to the linear head's fit at least 0.95; of a cell without one nobody can say."""
    fit = replace(GOOD, iou=iou, steps=steps)
    cells = [result("strong", "linear", 0, 45), result("strong", "cnn", 0, 40, fit), result("weak", "cnn", 0, 40, fit)]
    assert unconverged(cells) == ({("strong", "cnn", 1): 1} if behind else {})
    assert unconverged(cells[1:]) == {}
    well = [
        result("strong", "linear", 0, 45, replace(GOOD, iou=0.99)),
        result("strong", "cnn", 0, 40, replace(fit, iou=0.9)),
    ]
    assert unconverged(well) == {}


def test_ranks_leave_out_what_did_not_converge() -> None:
    """For every backbone alike: one draw of one backbone takes its head from all means, and its own rank from it."""
    whole, board = Leaderboard(crossing()), Leaderboard(crossing(("strong", "cnn", 1)))
    before, after = (places(one.trusted("mean"))[1] for one in (whole, board))
    assert str(before["weak"]) == "1" and str(after["strong"]) == "1"  # by its linear head alone it is ahead
    summary = board.summarise(["mean"]).set_index(["backbone", "head"])
    assert summary["mean rank"].to_dict() == {
        ("strong", "linear"): "1",
        ("weak", "linear"): "2",
        ("strong", "cnn"): "",
        ("weak", "cnn"): "1",
        ("copy", NO_HEAD): "3",
    }
    assert summary["mean"].equals(whole.summarise(["mean"]).set_index(["backbone", "head"])["mean"])
    assert ranked(whole.summarise(["mean"]), "mean") == ["weak", "strong", "copy"]
    assert ranked(board.summarise(["mean"]), "mean") == ["strong", "weak", "copy"]
    assert ("strong", "cnn", 1) not in trusted_estimates(board.results, "mean")


def test_a_leaderboard_marks_and_counts_them() -> None:
    """Behind the score in the table, as a number of draws in a column, and in one line below."""
    results = crossing(("strong", "cnn", 1))
    summary = Leaderboard(results).summarise(["mean"])
    table = score_table(summary, "mean").loc[1]
    assert table.loc["strong", "cnn"].endswith("!")
    assert not table.drop(columns="cnn").stack().str.endswith("!").any() and not table.loc["weak", "cnn"].endswith("!")
    assert summary.set_index(["backbone", "head"])[NOT_CONVERGED].to_dict()["strong", "cnn"] == 1
    assert sentences(results) == [
        "1 of 12 cells did not converge: cnn 1; their heads do not fit their own shots (!), and ranks leave them out"
    ]
    assert unconverged(results) == {("strong", "cnn", 1): 1}
    assert sentences(crossing()) == []


def test_of_an_old_run_nobody_knows() -> None:
    """A cell without the numbers is not flagged, keeps its rank, and is said to be not known."""
    old = [replace(one, provenance={}) if one.cell.head == "cnn" else one for one in crossing()]
    summary = Leaderboard(old).summarise(["mean"]).set_index(["backbone", "head"])
    assert summary[NOT_CONVERGED].isna().to_dict() == {key: key[1] == "cnn" for key in summary.index}
    assert (summary["mean rank"] != "").all()
    assert sentences(old) == ["whether 6 of 12 cells converged is not known: old runs did not note it"]


def test_a_run_of_controls_has_nothing_to_converge() -> None:
    """What takes no head is neither counted nor unknown."""
    alone = [one for one in crossing() if one.cell.head == NO_HEAD]
    assert sentences(alone) == []
    assert pd.Series(Leaderboard(alone).summarise(["mean"])[NOT_CONVERGED]).tolist() == [0]
