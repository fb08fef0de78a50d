"""A chart shows what it is given, however near to each other that lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from partbench.benchmark.plan import Plan
from partbench.benchmark.report import charts
from partbench.benchmark.report.breakdowns import CostPoint
from partbench.benchmark.report.charts import chart_costs
from partbench.benchmark.report.figure_style import drawing
from partbench.benchmark.report.leaderboard_views import LeaderboardLine, Score
from partbench.benchmark.report.run_data import RunData
from partbench.benchmark.report.run_facts import RunFacts

NAN = float("nan")


NAMES = ("pixels", "position")
PLAN = Plan("faces", NAMES, ("linear",))


def run_data() -> RunData:
    """Two backbones and one head."""
    facts = RunFacts((), (), (), "5", "", "", {})
    content = RunData(Path("run"), PLAN, (), (), (), ("mean",), (), facts)
    vars(content)["backbones"] = NAMES  # where the property keeps it
    return content


@pytest.mark.parametrize("seconds", [(0.2470, 0.2636), (3.5e-6, 1.0e-5), (1e-4, 30.0)])
def test_names_leave_room_for_the_costs_that_they_name(seconds: tuple[float, float]) -> None:
    """No axis is a sliver that names stand far to the right of; matplotlib's warning is an error here."""
    costs = zip(NAMES, seconds, (27.8, 44.5), strict=True)
    points = [CostPoint(name, one, score, NAN, True) for name, one, score in costs]
    with drawing():
        assert chart_costs(run_data(), points, "mean").png


@pytest.mark.parametrize("shots", [(1,), (1, 5)])
def test_an_axis_of_scores_ends_where_scores_do(monkeypatch: pytest.MonkeyPatch, shots: tuple[int, ...]) -> None:
    """Of two images an interval may reach from -80 to 180 %; with one number of shots it is a bar, and no band."""
    figures: list[Figure] = []
    monkeypatch.setattr(charts, "save", lambda figure, *names: figures.append(figure))
    content = replace(run_data(), plan=replace(PLAN, shots=shots))
    vars(content).update(backbones=NAMES, heads=("linear",), shots=shots)  # where properties keep them
    wide = {"mean": Score(50, 130, None)}
    lines = [LeaderboardLine(name, "linear", count, 1, 1, wide) for name in NAMES for count in shots]
    with drawing():
        charts.chart_board(content, lines, "mean")
        charts.chart_shots(content, lines, "mean")
        charts.chart_heads(content, lines, "mean")
        charts.chart_costs(content, [CostPoint(name, 0.1, 50, 130, True) for name in NAMES], "mean")
    (board,), (over,), heads, (costs,) = (figure.axes for figure in figures)
    for low, high in (board.get_xlim(), over.get_ylim(), heads[0].get_ylim(), costs.get_ylim()):
        assert -5 < low <= 0 and 100 <= high < 105
    assert len(over.containers) == (len(NAMES) if len(shots) == 1 else 0)
