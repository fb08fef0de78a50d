"""A chart shows what it is given, however near to each other that lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from partbench.benchmark.plan import Plan
from partbench.benchmark.report.breakdowns import CostPoint
from partbench.benchmark.report.charts import chart_costs
from partbench.benchmark.report.figure_style import drawing
from partbench.benchmark.report.run_data import RunData
from partbench.benchmark.report.run_facts import RunFacts

NAN = float("nan")


NAMES = ("pixels", "position")


@pytest.mark.parametrize("seconds", [(0.2470, 0.2636), (3.5e-6, 1.0e-5), (1e-4, 30.0)])
def test_names_leave_room_for_the_costs_that_they_name(seconds: tuple[float, float]) -> None:
    """No axis is a sliver that names stand far to the right of; matplotlib's warning is an error here."""
    facts = RunFacts((), (), (), "5", "", "", {})
    content = RunData(Path("run"), Plan("faces", NAMES, ("linear",)), (), (), (), ("mean",), (), facts)
    vars(content)["backbones"] = NAMES  # where the property keeps it
    costs = zip(NAMES, seconds, (27.8, 44.5), strict=True)
    points = [CostPoint(name, one, score, NAN, True) for name, one, score in costs]
    with drawing():
        assert chart_costs(content, points, "mean").png
