"""What `partbench plan --json` forecast, for the run that it is of: which groups come first, and their memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ... import UserError, one_line
from ..files import UNREADABLE
from ..plan import Plan
from ..run_folder import plan_in


class ForecastError(UserError):
    """A forecast that is not of this run, in one sentence: the fact, the culprit, the mend."""


@dataclass(frozen=True)
class Forecast:
    """What every backbone takes, by its name."""

    seconds: Mapping[str, float]
    memory: Mapping[str, int] = field(default_factory=dict)
    """Bytes of a process that does all of it; none where they were measured on a GPU, whose memory is another."""


def read_forecast(file: Path, plan: Plan) -> Forecast:
    """The forecast of a plan; one of other backbones besides is as good, and of anything else is refused."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        of, base = plan_in(record), int(record["memory"]["base"])
        rows = {str(row["backbone"]): row for row in record["backbones"]}
        seconds = {name: float(sum(row.get("seconds", {}).values())) for name, row in rows.items()}
        memory = {name: base + int(row["memory"]) for name, row in rows.items() if "memory" in row}
        on_gpu = record["device"] != "cpu"
    except FileNotFoundError:
        raise ForecastError(f"there is no {file}; write it by partbench plan --json > {file}") from None
    except UNREADABLE as error:
        raise ForecastError(f"{file} is no forecast ({one_line(error)}); {_mend(file)}") from None
    if replace(of, backbones=()) != replace(plan, backbones=()):
        raise ForecastError(f"{file} is the forecast of another plan; {_mend(file)}")
    if missing := [name for name in plan.backbones if name not in rows]:
        raise ForecastError(f"{file} has no forecast of {', '.join(missing)}; {_mend(file)}")
    return Forecast(seconds, {} if on_gpu else memory)


def _mend(file: Path) -> str:
    return f"write it anew by partbench plan --json > {file}, with the options of this run"
