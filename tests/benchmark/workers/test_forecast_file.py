"""A run takes the forecast that `plan` made of it, and no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from partbench.benchmark.plan import Plan
from partbench.benchmark.workers.forecast_file import Forecast, ForecastError, read_forecast

PLAN = Plan("faces", ("slow", "fast"), ("ridge",), shots=(1,), draws=2, fit="crop")


def forecast(**changes: Any) -> dict[str, Any]:
    """What `plan` says of it."""
    rows = [
        {"backbone": "slow", "seconds": {"load": 1.0, "score": 8.5}, "memory": 300},
        {"backbone": "fast", "seconds": {"load": 0.5, "score": 0.0}, "memory": 20},
        {"backbone": "broken", "error": "it fails"},
    ]
    plan = asdict(replace(PLAN, backbones=("slow", "fast", "broken")))
    return {"plan": plan, "device": "cpu", "memory": {"base": 100}, "backbones": rows, **changes}


def test_a_forecast_is_read() -> None:
    """Seconds over all stages, and bytes of a whole process; of what failed in the rehearsal it has no time."""
    file = Path("plan.json")
    file.write_text(json.dumps(forecast()))
    assert read_forecast(file, PLAN) == Forecast({"slow": 9.5, "fast": 0.5, "broken": 0.0}, {"slow": 400, "fast": 120})
    file.write_text(json.dumps(forecast(device="cuda")))
    assert read_forecast(file, PLAN).memory == {}, "a GPU's memory is no machine's"


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("{", PLAN),
        ("{}", PLAN),
        ("[]", PLAN),
        (json.dumps(forecast(backbones=[{"backbone": "slow", "seconds": {"load": "x"}}])), PLAN),
        (json.dumps(forecast()), replace(PLAN, draws=3)),
        (json.dumps(forecast()), replace(PLAN, heads=("ridge", "knn"))),
        (json.dumps(forecast()), replace(PLAN, size=32)),
        (json.dumps(forecast()), replace(PLAN, backbones=("slow", "other"))),
    ],
)
def test_what_is_no_forecast_of_a_run_is_refused(text: str, plan: Plan) -> None:
    """Neither half of one, nor one of other heads, draws or sizes, nor one without a backbone of the run."""
    file = Path("plan.json")
    file.write_text(text)
    with pytest.raises(ForecastError, match=r"plan\.json"):
        read_forecast(file, plan)


def test_what_plan_writes_run_takes(call: Callable[..., Any], tmp_path: Path) -> None:
    """The longest group comes first, although a guess from sizes would have another order."""
    options = ("--backbone", "copy", "--backbone", "pixels", "--head", "ridge", "--shots", 1, "--draws", 1, "--test", 2)
    options = (*options, "--pool", 4, "--size", 16, "--device", "cpu", "--out", tmp_path / "run")
    said = call("plan", *options, "--json")
    assert said.code == 0, said.err
    record = json.loads(said.out)
    assert record["device"] == "cpu" and record["plan"]["backbones"] == ["copy", "pixels"]
    for row in record["backbones"]:
        row["seconds"] = {"score": 100.0 if row["backbone"] == "copy" else 1.0}
    Path("plan.json").write_text(json.dumps(record))
    for more, first in (((), "pixels, copy"), (("--forecast", "plan.json"), "copy, pixels")):
        answer = call("run", *options, "--shard", "1/1", *more)
        assert answer.code == 0, answer.err
        assert f"shard 1/1: 2 groups ({first})" in answer.out
    other = call("run", *options, "--draws", 2, "--forecast", "plan.json")
    assert other.code == 2 and "another plan" in other.err
